/* The last packets of a picture, decrypted, for viewers that lost some. The memory is taken with the flow. */
#include <stdlib.h>
#include <string.h>

#include "loop.h"

/* 0: there is a ring. */
int ring_open(struct installed *installed)
{
    installed->ring = calloc(RING, sizeof *installed->ring);
    return installed->ring == NULL ? -1 : 0;
}

/* Keep a packet of at least 12 bytes; one that is too long is not kept. */
void ring_keep(struct media_kept *ring, const uint8_t *packet, int size)
{
    uint16_t sequence = (uint16_t)read16(packet + 2);
    struct media_kept *slot = &ring[sequence & (RING - 1)];
    slot->sequence = sequence;
    slot->size = size > (int)sizeof slot->data ? 0 : (uint16_t)size;
    memcpy(slot->data, packet, slot->size);
}
