/* What goes out, in as few calls of the kernel as there are changes of the socket: packets of a stream to all its
   listeners, and payloads of the platform's own to all who hear the same. Whoever calls holds the lock. */
#include "loop.h"

#include <time.h>

double monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* One that the kernel does not take is lost, and counted. */
void flush(struct outgoing *out)
{
    int at = 0;
    while (at < out->count) {
        int fd = out->outlets[at]->fd, end = at + 1;
        while (end < out->count && out->outlets[end]->fd == fd)
            end++;
        int sent = sendmmsg(fd, out->heads + at, (unsigned)(end - at), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent <= 0) {
            out->outlets[at]->unsent++;
            sent = 1;
        }
        at += sent;
    }
    out->count = 0;
}

/* A packet that is the outlet's; behind it is room for the tag. */
static void queue(struct outgoing *out, struct media_outlet *outlet, uint8_t *data, int size)
{
    if (size == 0 || srtp_close(outlet, data, &size) != 0)
        return;
    struct msghdr *head = &out->heads[out->count].msg_hdr;
    out->parts[out->count] = (struct iovec){data, (size_t)size};
    *head = (struct msghdr){.msg_name = outlet->to.bytes, .msg_namelen = outlet->to.size,
                            .msg_iov = &out->parts[out->count], .msg_iovlen = 1};
    out->outlets[out->count++] = outlet;
    if (out->count == BATCH)
        flush(out);
}

/* A packet of a stream to each of its listeners; `data` stays in use until the next flush. */
void forward(struct outgoing *out, struct installed *installed, uint8_t *data, int size, double now)
{
    for (int i = 0; i < installed->count; i++) {
        uint8_t *own = data;
        if (i < installed->count - 1)
            own = memcpy(out->data[out->count], data, (size_t)size);
        queue(out, &installed->outlets[i], own,
              media_depart(&installed->outlets[i], own, size, PACKET + TAIL - 32, now));
    }
}

/* A payload of the platform's own to all of these; those that are no outlets of this kind are passed over. */
void media_push(struct media_loop *loop, int *numbers, int count, uint8_t *payload, int size, int step)
{
    guard_enter();
    struct outgoing *out = &loop->out;
    double now = monotonic();
    for (int i = 0; i < count; i++) {
        struct installed *found = flow_at(loop, numbers[i]);
        if (found != NULL && found->path < 0) {
            uint8_t *own = out->data[out->count];
            queue(out, found->outlets, own,
                  media_make(found->outlets, own, PACKET + TAIL - 32, payload, size, step, now));
        }
    }
    flush(out);
    guard_leave();
}
