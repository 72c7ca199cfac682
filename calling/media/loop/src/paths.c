/* Who is at which address, and the streams of it that are forwarded. Each change is Python's, under the lock. */
#include "internal.h"

struct path *path_at(struct media_loop *loop, int place, const struct media_address *at)
{
    struct path *path = loop->buckets[address_hash(at, place) & (BUCKETS - 1)];
    while (path != NULL && (path->place != place || memcmp(path->at.bytes, at->bytes, sizeof at->bytes) != 0))
        path = path->next;
    return path;
}

struct installed *path_flow(struct path *path, uint32_t ssrc)
{
    for (int i = 0; i < STREAMS; i++)
        if (path->flows[i] != NULL && path->flows[i]->flow.ssrc == ssrc)
            return path->flows[i];
    return NULL;
}

/* The number of a new path; -1: no room, or somebody holds that address. */
int media_place(struct media_loop *loop, int place, struct media_address *at)
{
    int number = 0;
    guard_enter();
    while (number < PATHS && loop->paths[number] != NULL)
        number++;
    struct path *path = number < PATHS && path_at(loop, place, at) == NULL ? calloc(1, sizeof *path) : NULL;
    if (path != NULL) {
        struct path **bucket = &loop->buckets[address_hash(at, place) & (BUCKETS - 1)];
        *path = (struct path){.at = *at, .place = place, .number = number, .next = *bucket};
        path->barrier = loop->inbox.pushed; /* what came before it was known may wait still */
        *bucket = loop->paths[number] = path;
    }
    guard_leave();
    return path != NULL ? number : -1;
}

static void end(struct media_loop *loop, struct installed *flow)
{
    if (flow->path >= 0)
        loop->paths[flow->path]->flows[flow->place] = NULL;
    loop->flows[flow->number] = NULL;
    free(flow->ring), free(flow);
}

/* Nobody is at its address any more, and nothing of it is forwarded. */
void media_displace(struct media_loop *loop, int number)
{
    guard_enter();
    struct path *path = number >= 0 && number < PATHS ? loop->paths[number] : NULL;
    if (path != NULL) {
        for (int i = 0; i < STREAMS; i++)
            if (path->flows[i] != NULL)
                end(loop, path->flows[i]);
        struct path **at = &loop->buckets[address_hash(&path->at, path->place) & (BUCKETS - 1)];
        while (*at != path)
            at = &(*at)->next;
        *at = path->next;
        loop->paths[number] = NULL;
        free(path);
    }
    guard_leave();
}

/* A flow with its memory, without a place yet; NULL: there is none, or it may not be so. */
static struct installed *made(const struct media_flow *flow, const struct media_sender *senders, int count)
{
    int fine = count >= 0 && count <= SENDERS;
    for (int i = 0; fine && i < count; i++)
        fine = senders[i].mid_size <= sizeof senders[i].mid;
    struct installed *made = fine ? calloc(1, sizeof *made + (size_t)count * sizeof *senders) : NULL;
    if (made == NULL)
        return NULL;
    made->flow = *flow;
    made->flow.drained = flow->top;
    made->count = count;
    memcpy(made->senders, senders, (size_t)count * sizeof *senders);
    if (ring_open(made) == 0)
        return made;
    free(made);
    return NULL;
}

/* Forward a stream to its listeners from now on, or (path -1) let one listener get what is pushed; the flow's
   number, or -1: no room, or the path has that SSRC already. */
int media_install(struct media_loop *loop, int path_number, struct media_flow *flow, struct media_sender *senders, int count)
{
    int number = 0, room = 0;
    guard_enter();
    struct path *path = path_number >= 0 && path_number < PATHS ? loop->paths[path_number] : NULL;
    int fine = path != NULL ? path_flow(path, flow->ssrc) == NULL : path_number == -1 && count == 1;
    while (path != NULL && room < STREAMS && path->flows[room] != NULL)
        room++;
    while (number < PATHS && loop->flows[number] != NULL)
        number++;
    struct installed *one = fine && room < STREAMS && number < PATHS ? made(flow, senders, count) : NULL;
    if (one != NULL) {
        one->path = path_number, one->place = room, one->number = number;
        loop->flows[number] = one;
        loop->levels[number] = 255;
        if (path != NULL)
            path->flows[room] = one;
    }
    guard_leave();
    return one != NULL ? number : -1;
}

struct installed *flow_at(struct media_loop *loop, int number)
{
    return number >= 0 && number < PATHS ? loop->flows[number] : NULL;
}

/* The numbers of a flow and of its senders as they are now; what it counts of refused and unsent begins anew.
   ring: what was kept goes there, and all is Python's again; NULL: it goes on. -1: there is no such flow. */
int media_recall(struct media_loop *loop, int number, struct media_flow *flow, struct media_sender *senders,
                 struct media_kept *ring)
{
    guard_enter();
    struct installed *found = flow_at(loop, number);
    if (found != NULL) {
        *flow = found->flow;
        found->flow.refused = 0;
        for (int i = 0; i < found->count; i++) {
            senders[i] = found->senders[i];
            found->senders[i].unsent = 0;
        }
        if (ring != NULL && found->ring != NULL)
            memcpy(ring, found->ring, found->flow.keeps * sizeof *ring);
        if (ring != NULL)
            end(loop, found);
    }
    guard_leave();
    return found != NULL ? 0 : -1;
}

/* A packet that is in the ring of a flow; sequence -1: the next that was not taken yet, of the `most` last ones.
   -1: it is not there. */
int media_kept(struct media_loop *loop, int number, int sequence, int most, struct media_kept *into)
{
    guard_enter();
    struct installed *found = flow_at(loop, number);
    int result = found == NULL ? -1
               : sequence < 0 ? ring_drain(found, most, into) : ring_find(found, (uint16_t)sequence, into);
    guard_leave();
    return result;
}
