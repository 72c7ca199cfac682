/* The thread that reads the shared port, forwards what is in a flow and leaves the rest to Python. It never
   needs the interpreter. Each socket gives at most a batch per round, so a flood of one delays the others little;
   one whose share of the inbox is used up is not read until Python has taken some (the kernel drops, then). */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

#define PAUSE_MS 2       /* between two looks at sockets that wait for Python */

struct batch {
    struct mmsghdr heads[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage names[BATCH];
    _Alignas(16) uint8_t data[BATCH][PACKET + TAIL];
};

/* What is to be sent: an fd for each message of a batch. */
struct outgoing {
    struct mmsghdr heads[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage names[BATCH];
    struct media_flow *flows[BATCH];
    int count;
};

struct scratch {
    struct batch batch;
    struct outgoing out;
};

static double monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int is_rtp(const uint8_t *data, int size)
{
    return size > 12 && data[0] > 127 && data[0] < 192 && !(data[1] > 191 && data[1] < 224);
}

/* Send in as few calls as there are changes of the socket. One that the kernel does not take is lost, and counted. */
static void flush(struct outgoing *out)
{
    int at = 0;
    while (at < out->count) {
        int fd = out->flows[at]->fd, end = at + 1;
        while (end < out->count && out->flows[end]->fd == fd)
            end++;
        int sent = sendmmsg(fd, out->heads + at, (unsigned)(end - at), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent <= 0) {
            out->flows[at]->unsent++;
            sent = 1;
        }
        at += sent;
    }
    out->count = 0;
}

/* Forward a datagram, or say 0: it is Python's. */
static int forwarded(struct media_loop *loop, struct path *path, uint8_t *data, int size, double now,
                     struct outgoing *out)
{
    if (path->barrier > loop->inbox.done)
        return 0;
    struct installed *installed = path_flow(path, read32(data + 8));
    if (installed == NULL || !media_knows(&installed->flow, data, size))
        return 0;
    struct media_flow *flow = &installed->flow;
    if (srtp_open(flow, data, &size) != 0) {
        flow->refused++;
        return 1;
    }
    if (installed->ring != NULL)
        ring_keep(installed->ring, data, size);
    size = media_rewrite(flow, data, size, PACKET + TAIL - 32, now);
    if (size == 0 || srtp_close(flow, data, &size) != 0)
        return 1;
    struct msghdr *head = &out->heads[out->count].msg_hdr;
    out->parts[out->count] = (struct iovec){data, (size_t)size};
    memset(head, 0, sizeof *head);
    head->msg_iov = &out->parts[out->count];
    head->msg_iovlen = 1;
    head->msg_name = &out->names[out->count];
    head->msg_namelen = address_to(&flow->to, &out->names[out->count]);
    out->flows[out->count++] = flow;
    return 1;
}

/* One batch of one socket. */
static void serve(struct media_loop *loop, struct socket_entry *entry, struct batch *batch, struct outgoing *out)
{
    guard_enter();
    int share = WAITING / loop->socket_count - entry->waiting, most = share < BATCH ? share : BATCH;
    guard_leave();
    if (most <= 0)
        return;
    for (int i = 0; i < most; i++) {
        batch->parts[i] = (struct iovec){batch->data[i], PACKET};
        memset(&batch->heads[i].msg_hdr, 0, sizeof batch->heads[i].msg_hdr);
        batch->heads[i].msg_hdr.msg_iov = &batch->parts[i];
        batch->heads[i].msg_hdr.msg_iovlen = 1;
        batch->heads[i].msg_hdr.msg_name = &batch->names[i];
        batch->heads[i].msg_hdr.msg_namelen = sizeof batch->names[i];
    }
    int count = recvmmsg(entry->fd, batch->heads, (unsigned)most, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return; /* the kernel tells of what one far end refused; the others are not concerned */
    double now = monotonic();
    guard_enter();
    for (int i = 0; i < count; i++) {
        uint8_t *data = batch->data[i];
        int size = (int)batch->heads[i].msg_len;
        struct media_address from;
        if (size == 0 || address_of(&batch->names[i], &from) != 0)
            continue;
        struct path *path = is_rtp(data, size) ? path_at(loop, entry->place, &from) : NULL;
        if (path != NULL && forwarded(loop, path, data, size, now, out))
            continue;
        if (inbox_push(&loop->inbox, entry, &from, data, size) == 0 && path != NULL)
            path->barrier = loop->inbox.pushed;
    }
    flush(out);
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
                serve(loop, events[i].data.ptr, &loop->scratch->batch, &loop->scratch->out);
        }
        paused = arrange(loop);
    }
    return NULL;
}

static void discard(struct media_loop *loop)
{
    close(loop->poll), close(loop->stop);
    inbox_close(&loop->inbox);
    free(loop->scratch);
    free(loop);
}

/* A loop with its thread, without a socket yet; NULL: the system has no room. wake: an eventfd that is written
   to where datagrams wait for Python. */
struct media_loop *media_open(int wake)
{
    struct media_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    loop->poll = epoll_create1(EPOLL_CLOEXEC);
    loop->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->scratch = calloc(1, sizeof *loop->scratch);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int fine = loop->poll >= 0 && loop->stop >= 0 && loop->scratch != NULL && inbox_open(&loop->inbox, wake) == 0
        && epoll_ctl(loop->poll, EPOLL_CTL_ADD, loop->stop, &event) == 0;
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
        loop->socket_count++;
        *entry = (struct socket_entry){.fd = fd, .place = place};
        fine = epoll_ctl(loop->poll, EPOLL_CTL_ADD, fd, &event) == 0;
        loop->socket_count -= !fine;
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
