/* Datagrams on their way to Python, in order. An eventfd tells its loop that there are some. Slots used
   last are used first, so that a short queue stays in the processor's cache. */
#include "internal.h"

#include <unistd.h>

void inbox_open(struct inbox *inbox, int wake)
{
    inbox->wake = wake, inbox->unused_count = WAITING;
    for (int i = 0; i < WAITING; i++)
        inbox->unused[i] = (uint16_t)i;
}

/* 0: it is in; -1: there is no room. */
int inbox_push(struct inbox *inbox, struct socket_entry *of, const struct media_address *from,
               const uint8_t *data, int size)
{
    if (inbox->unused_count == 0)
        return -1;
    uint16_t index = inbox->unused[--inbox->unused_count];
    struct waiting *slot = &inbox->slots[index];
    slot->arrival = (struct media_arrival){.at = *from, .place = of->place};
    slot->of = of, slot->size = size;
    memcpy(slot->data, data, (size_t)size);
    inbox->order[(inbox->first + inbox->count++) % WAITING] = index;
    inbox->pushed++;
    of->waiting++;
    if (!inbox->told) {
        uint64_t one = 1;
        inbox->told = write(inbox->wake, &one, sizeof one) == sizeof one;
    }
    return 0;
}

/* The next datagram into `buffer`; its size, -1: none waits. The ones taken before have been dealt with. */
int media_take(struct media_loop *loop, void *buffer, int room, struct media_arrival *arrival)
{
    struct inbox *inbox = &loop->inbox;
    int size = -1;
    guard_enter();
    inbox->done = inbox->pushed - (uint64_t)inbox->count;
    if (inbox->count > 0) {
        uint16_t index = inbox->order[inbox->first];
        struct waiting *slot = &inbox->slots[index];
        size = slot->size < room ? slot->size : room;
        memcpy(buffer, slot->data, (size_t)size);
        *arrival = slot->arrival;
        struct path *path = path_at(loop, arrival->place, &arrival->at);
        arrival->path = path != NULL ? path->number : -1;
        inbox->first = (inbox->first + 1) % WAITING;
        inbox->count--;
        inbox->unused[inbox->unused_count++] = index;
        slot->of->waiting--;
    } else if (inbox->told) {
        uint64_t count;
        inbox->told = read(inbox->wake, &count, sizeof count) < 0;
    }
    guard_leave();
    return size;
}
