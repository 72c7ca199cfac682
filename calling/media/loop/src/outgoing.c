/* What goes out, in as few calls of the kernel as there are changes of the socket, and in each call as one datagram
   what the kernel cuts into packets of one size for one far end (UDP_SEGMENT): packets of a stream to all its
   listeners, and payloads of the platform's own to all who hear the same. Whoever calls holds the lock. */
#include "internal.h"

#include <netinet/udp.h>
#include <time.h>

#define CUT 1452         /* the longest packet that is joined with others: it fits any Ethernet */

double monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Make one datagram of the packets from `at` on, at most so many, which the kernel cuts again: of one length, but for
   a shorter last one. How many they are. */
static int join(struct outgoing *out, struct msghdr *head, int at, int most)
{
    struct iovec *parts = &out->parts[at];
    struct media_sender *sender = out->senders[at];
    uint16_t length = (uint16_t)parts->iov_len;
    int count = 1;
    while (count < most && length <= CUT && at + count < out->count && out->senders[at + count] == sender
           && parts[count].iov_len <= length && parts[count - 1].iov_len == length)
        count++;
    *head = (struct msghdr){.msg_name = sender->to.bytes, .msg_namelen = sender->to.size,
                            .msg_iov = parts, .msg_iovlen = (size_t)count};
    if (count > 1) {
        struct cmsghdr *segment = head->msg_control = out->segments[at];
        head->msg_controllen = sizeof out->segments[at];
        *segment = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof length), .cmsg_level = SOL_UDP,
                                    .cmsg_type = UDP_SEGMENT};
        memcpy(CMSG_DATA(segment), &length, sizeof length);
    }
    return count;
}

/* What the kernel does not take is lost, and counted; where it does not cut, it is given the packets. */
void flush(struct outgoing *out)
{
    int at = 0, most = BATCH;
    while (at < out->count) {
        int fd = out->senders[at]->fd, heads = 0;
        for (int next = at; next < out->count && out->senders[next]->fd == fd;)
            next += join(out, &out->heads[heads++].msg_hdr, next, most);
        int sent = sendmmsg(fd, out->heads, (unsigned)heads, MSG_DONTWAIT | MSG_NOSIGNAL);
        for (int i = 0; i < sent; i++)
            at += (int)out->heads[i].msg_hdr.msg_iovlen;
        if (sent <= 0 && out->heads->msg_hdr.msg_iovlen > 1)
            most = 1;
        else if (sent <= 0)
            out->senders[at++]->unsent++;
    }
    out->count = 0;
}

/* A packet that is the sender's; behind it is room for the tag. */
static void queue(struct outgoing *out, struct media_sender *sender, uint8_t *data, int size)
{
    if (size == 0 || srtp_close(sender, data, &size) != 0)
        return;
    out->parts[out->count] = (struct iovec){data, (size_t)size};
    out->senders[out->count++] = sender;
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
        queue(out, &installed->senders[i], own,
              media_depart(&installed->senders[i], own, size, PACKET + TAIL - 32, now));
    }
}

/* A payload of the platform's own to all of these; those that are no senders of this kind are passed over. */
void media_push(struct media_loop *loop, int *numbers, int count, uint8_t *payload, int size, int step)
{
    guard_enter();
    struct outgoing *out = &loop->out;
    double now = monotonic();
    for (int i = 0; i < count; i++) {
        struct installed *found = flow_at(loop, numbers[i]);
        if (found != NULL && found->path < 0) {
            uint8_t *own = out->data[out->count];
            queue(out, found->senders, own,
                  media_make(found->senders, own, PACKET + TAIL - 32, payload, size, step, now));
        }
    }
    flush(out);
    guard_leave();
}
