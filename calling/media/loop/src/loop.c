/* The thread that reads the shared port, forwards what is in a flow and leaves the rest to Python. It never
   needs the interpreter. Each socket gives at most a batch per round, so a flood of one delays the others little;
   one whose share of the inbox is used up is not read until Python has taken some (the kernel drops, then). */
#include "internal.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAUSE_MS 2       /* between two looks at sockets that wait for Python */

static int is_rtp(const uint8_t *data, int size)
{
    return size > 12 && data[0] > 127 && data[0] < 192 && !(data[1] > 191 && data[1] < 224);
}

/* Forward a datagram, or say 0: it is Python's. */
static int forwarded(struct media_loop *loop, struct path *path, uint8_t *data, int size, double now)
{
    if (path->barrier > loop->inbox.done)
        return 0;
    struct installed *installed = path_flow(path, read32(data + 8));
    if (installed == NULL || !media_knows(&installed->flow, data, size))
        return 0;
    if (srtp_open(&installed->flow, data, &size) != 0) {
        installed->flow.refused++;
        return 1;
    }
    size = media_arrive(&installed->flow, data, size, now, &loop->levels[installed->number]);
    if (size > 0) {
        ring_keep(installed, data, size, now);
        forward(&loop->out, installed, data, size, now);
    }
    return 1;
}

static void batch_open(struct batch *batch)
{
    for (int i = 0; i < BATCH; i++) {
        batch->parts[i] = (struct iovec){batch->data[i], PACKET};
        batch->heads[i].msg_hdr = (struct msghdr){.msg_name = &batch->names[i], .msg_namelen = sizeof batch->names[i],
                                                  .msg_iov = &batch->parts[i], .msg_iovlen = 1};
    }
}

/* One batch of one socket. */
static void serve(struct media_loop *loop, struct socket_entry *entry, struct batch *batch)
{
    guard_enter();
    int share = WAITING / loop->socket_count - entry->waiting, most = share < BATCH ? share : BATCH;
    int behind = share < WAITING / loop->socket_count * 3 / 4;
    guard_leave();
    if (most <= 0)
        return;
    int count = recvmmsg(entry->fd, batch->heads, (unsigned)most, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return; /* the kernel tells of what one far end refused; the others are not concerned */
    double now = monotonic();
    guard_enter();
    for (int i = 0; i < count; i++) {
        uint8_t *data = batch->data[i];
        int size = (int)batch->heads[i].msg_len;
        struct media_address from;
        batch->heads[i].msg_hdr.msg_namelen = sizeof batch->names[i]; /* the kernel has written there */
        if (size == 0 || address_of(&batch->names[i], &from) != 0)
            continue;
        struct path *path = is_rtp(data, size) ? path_at(loop, entry->place, &from) : NULL;
        if (path != NULL && (forwarded(loop, path, data, size, now) || (behind && path->barrier > loop->inbox.done)))
            continue; /* where Python is behind, each path waits with one packet: a flow needs that none does */
        if (inbox_push(&loop->inbox, entry, &from, data, size) == 0 && path != NULL)
            path->barrier = loop->inbox.pushed;
    }
    flush(&loop->out);
    guard_leave();
}

/* Read no socket that has used its share up, and read it again once it has room. */
static int arrange(struct media_loop *loop)
{
    int paused = 0;
    guard_enter();
    for (int i = 0; i < loop->socket_count; i++) {
        struct socket_entry *entry = &loop->sockets[i];
        int full = entry->waiting >= WAITING / loop->socket_count;
        if (full != entry->paused) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = entry};
            epoll_ctl(loop->poll, full ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, entry->fd, &event);
            entry->paused = full;
        }
        paused |= full;
    }
    guard_leave();
    return paused;
}

static void *run(void *argument)
{
    struct media_loop *loop = argument;
    struct epoll_event events[SOCKETS];
    int paused = 0, stopping = 0;
    while (!stopping) {
        int count = epoll_wait(loop->poll, events, SOCKETS, paused ? PAUSE_MS : -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                stopping = 1;
            else
                serve(loop, events[i].data.ptr, &loop->batch);
        }
        paused = arrange(loop);
    }
    return NULL;
}

static void discard(struct media_loop *loop)
{
    close(loop->poll), close(loop->stop);
    free(loop);
}

/* A loop with its thread, without a socket yet; NULL: the system has no room. wake: an eventfd that is written
   to where datagrams wait for Python; levels: PATHS bytes that stay. */
struct media_loop *media_open(int wake, uint8_t *levels)
{
    struct media_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    loop->levels = levels;
    loop->poll = epoll_create1(EPOLL_CLOEXEC);
    loop->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    batch_open(&loop->batch);
    inbox_open(&loop->inbox, wake);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int fine = loop->poll >= 0 && loop->stop >= 0 && epoll_ctl(loop->poll, EPOLL_CTL_ADD, loop->stop, &event) == 0;
    if (fine) { /* signals are the main thread's */
        sigset_t every, before;
        sigfillset(&every);
        pthread_sigmask(SIG_SETMASK, &every, &before);
        fine = pthread_create(&loop->thread, NULL, run, loop) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (!fine)
        discard(loop);
    return fine ? loop : NULL;
}

/* Read a socket too, which stays open until media_close; -1: no room. */
int media_add_socket(struct media_loop *loop, int fd, int place)
{
    guard_enter();
    struct socket_entry *entry = &loop->sockets[loop->socket_count];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = entry};
    int fine = loop->socket_count < SOCKETS;
    if (fine) {
        *entry = (struct socket_entry){.fd = fd, .place = place};
        fine = epoll_ctl(loop->poll, EPOLL_CTL_ADD, fd, &event) == 0;
        loop->socket_count += fine;
    }
    guard_leave();
    return fine ? 0 : -1;
}

/* End the thread and free everything. Flows must have been recalled. */
void media_close(struct media_loop *loop)
{
    uint64_t one = 1;
    if (write(loop->stop, &one, sizeof one) != sizeof one)
        return;
    pthread_join(loop->thread, NULL);
    for (int i = 0; i < PATHS; i++)
        media_displace(loop, i);
    discard(loop);
}
