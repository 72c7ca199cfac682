/* The last packets of a stream, decrypted: of a picture, for viewers that lost some; of sound whose levels are
   noted, for the room that may hear it. The memory is taken with the flow. */
#include <stdlib.h>
#include <string.h>

#include "loop.h"

/* 0: there is a ring, or none is needed. */
int ring_open(struct installed *installed)
{
    installed->kept = installed->flow.picture ? RING : installed->flow.level_id ? HEARD : 0;
    if (installed->kept == 0)
        return 0;
    installed->ring = calloc((size_t)installed->kept, sizeof *installed->ring);
    return installed->ring == NULL ? -1 : 0;
}

/* Keep a packet of at least 12 bytes; one that is too long is not kept. */
void ring_keep(struct installed *installed, const uint8_t *packet, int size)
{
    uint16_t sequence = (uint16_t)read16(packet + 2);
    if (installed->kept == 0)
        return;
    struct media_kept *slot = &installed->ring[sequence & (installed->kept - 1)];
    slot->sequence = sequence;
    slot->size = size > (int)sizeof slot->data ? 0 : (uint16_t)size;
    memcpy(slot->data, packet, slot->size);
}

/* The first packet that was kept after `drained`, of the `most` last ones; -1: there is none. */
int ring_drain(struct installed *installed, int most, struct media_kept *into)
{
    struct media_flow *flow = &installed->flow;
    int ahead = (uint16_t)(flow->top - flow->drained);
    if (most > installed->kept)
        most = installed->kept;
    if (ahead > most)
        flow->drained = (uint16_t)(flow->top - most);
    while (flow->drained != flow->top) {
        flow->drained++;
        *into = installed->ring[flow->drained & (installed->kept - 1)];
        if (into->size > 0 && into->sequence == flow->drained)
            return 0;
    }
    return -1;
}
