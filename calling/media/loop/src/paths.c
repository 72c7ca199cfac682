/* Who is at which address, and the streams of it that are forwarded. Each change is Python's, under the lock. */
#include <stdlib.h>
#include <string.h>

#include "loop.h"

struct path *path_at(struct media_loop *loop, int place, const struct media_address *at)
{
    struct path *path = loop->buckets[address_hash(at, place) & (BUCKETS - 1)];
    while (path != NULL && (path->place != place || !address_same(&path->at, at)))
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
    int number = -1;
    guard_enter();
    if (path_at(loop, place, at) == NULL) {
        for (number = 0; number < PATHS && loop->paths[number] != NULL; number++)
            ;
        struct path *path = number < PATHS ? calloc(1, sizeof *path) : NULL;
        if (path == NULL) {
            number = -1;
        } else {
            struct path **bucket = &loop->buckets[address_hash(at, place) & (BUCKETS - 1)];
            path->at = *at;
            path->place = place;
            path->number = number;
            path->next = *bucket;
            /* what came before it was known may wait still */
            path->barrier = loop->inbox.pushed;
            *bucket = loop->paths[number] = path;
        }
    }
    guard_leave();
    return number;
}

static void end(struct media_loop *loop, struct installed *flow)
{
    loop->paths[flow->path]->flows[flow->place] = loop->flows[flow->number] = NULL;
    free(flow->ring);
    free(flow);
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

/* Forward a stream from now on; its number, or -1: no room, or the path has that SSRC already. */
int media_install(struct media_loop *loop, int path_number, struct media_flow *flow)
{
    int number = 0, room = 0;
    guard_enter();
    struct path *path = path_number >= 0 && path_number < PATHS ? loop->paths[path_number] : NULL;
    struct installed *made = NULL;
    if (path != NULL && path_flow(path, flow->ssrc) == NULL && flow->mid_size <= sizeof flow->mid) {
        while (room < STREAMS && path->flows[room] != NULL)
            room++;
        while (number < PATHS && loop->flows[number] != NULL)
            number++;
        made = room < STREAMS && number < PATHS ? calloc(1, sizeof *made) : NULL;
    }
    if (made != NULL && flow->picture && ring_open(made) != 0) {
        free(made);
        made = NULL;
    }
    if (made != NULL) {
        made->flow = *flow;
        made->path = path_number, made->place = room, made->number = number;
        path->flows[room] = loop->flows[number] = made;
    }
    guard_leave();
    return made != NULL ? number : -1;
}

static struct installed *flow_at(struct media_loop *loop, int number)
{
    return number >= 0 && number < PATHS ? loop->flows[number] : NULL;
}

/* The numbers of a flow as they are now; -1: there is none. Counts of refused and unsent begin anew. */
int media_read(struct media_loop *loop, int number, struct media_flow *into)
{
    guard_enter();
    struct installed *found = flow_at(loop, number);
    if (found != NULL) {
        *into = found->flow;
        found->flow.refused = found->flow.unsent = 0;
    }
    guard_leave();
    return found != NULL ? 0 : -1;
}

/* The same, and the stream is Python's again. ring: what was kept of a picture goes there. */
int media_recall(struct media_loop *loop, int number, struct media_flow *into, struct media_kept *ring)
{
    guard_enter();
    struct installed *found = flow_at(loop, number);
    if (found != NULL) {
        *into = found->flow;
        if (found->ring != NULL)
            memcpy(ring, found->ring, RING * sizeof *ring);
        end(loop, found);
    }
    guard_leave();
    return found != NULL ? 0 : -1;
}

/* A packet that is in the ring of a flow; -1: it is not. */
int media_kept(struct media_loop *loop, int number, int sequence, struct media_kept *into)
{
    int fine = 0;
    guard_enter();
    struct installed *found = flow_at(loop, number);
    if (found != NULL && found->ring != NULL) {
        *into = found->ring[sequence & (RING - 1)];
        fine = into->size > 0 && into->sequence == sequence;
    }
    guard_leave();
    return fine ? 0 : -1;
}
