/* The last packets of a stream, decrypted: of a picture, for viewers that lost some; of sound, for those who take
   it later: a room that may hear it, a recording, a transcript. The memory is taken with the flow. */
#include "internal.h"

/* 0: there is a ring, or none is needed. */
int ring_open(struct installed *installed)
{
    size_t keeps = installed->flow.keeps;
    if (keeps > 0 && keeps <= RING && (keeps & (keeps - 1)) == 0)
        installed->ring = calloc(keeps, sizeof *installed->ring);
    return keeps > 0 && installed->ring == NULL ? -1 : 0;
}

/* Keep a packet of at least 12 bytes; one that is too long is not kept. */
void ring_keep(struct installed *installed, const uint8_t *packet, int size, double now)
{
    uint16_t sequence = (uint16_t)read16(packet + 2);
    if (installed->ring == NULL)
        return;
    struct media_kept *slot = &installed->ring[sequence & (installed->flow.keeps - 1)];
    slot->at = now;
    slot->sequence = sequence;
    slot->size = size > (int)sizeof slot->data ? 0 : (uint16_t)size;
    memcpy(slot->data, packet, slot->size);
}

/* The packet with that number; -1: it is not there. */
int ring_find(const struct installed *installed, uint16_t sequence, struct media_kept *into)
{
    if (installed->ring == NULL)
        return -1;
    *into = installed->ring[sequence & (installed->flow.keeps - 1)];
    return into->size > 0 && into->sequence == sequence ? 0 : -1;
}

/* The first packet that was kept after `drained`, of the `most` last ones; -1: there is none. */
int ring_drain(struct installed *installed, int most, struct media_kept *into)
{
    struct media_flow *flow = &installed->flow;
    int ahead = (uint16_t)(flow->top - flow->drained);
    if (most > flow->keeps)
        most = flow->keeps;
    if (ahead > most)
        flow->drained = (uint16_t)(flow->top - most);
    while (flow->drained != flow->top)
        if (ring_find(installed, ++flow->drained, into) == 0)
            return 0;
    return -1;
}
