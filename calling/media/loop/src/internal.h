/* What the files of the loop share. Sizes are fixed: nothing is allocated by what a datagram says. */
#pragma once

#define _GNU_SOURCE      /* recvmmsg, sendmmsg: this file comes before those of the system */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "interface.h"

#define PACKET 2048      /* bytes of a datagram that are read, as in aiortc_private.PacketBuffer */
#define TAIL 64          /* room behind them for a MID and the tag of SRTP */
#define BATCH 32         /* datagrams of one call of the kernel */
#define SOCKETS 64
#define PATHS 4096
#define STREAMS 4        /* forwarded streams of one path */
#define BUCKETS 4096     /* a power of two */
#define WAITING 2048     /* datagrams that wait for Python */
#define SENDERS 64       /* listeners of one stream */
#define RING 256         /* the most packets of a stream that are kept */

/* A flow, its listeners and its last packets. path: -1 where Python pushes what is sent. */
struct installed {
    struct media_flow flow;
    struct media_kept *ring;
    int path, place, number, count; /* its path, its place there, its place in the loop; of its senders */
    struct media_sender senders[];
};

struct waiting {
    struct media_arrival arrival;
    int size;
    struct socket_entry *of;
    uint8_t data[PACKET];
};

/* Datagrams on their way to Python, in the order in which they came. */
struct inbox {
    struct waiting slots[WAITING];
    uint16_t unused[WAITING], order[WAITING];
    int unused_count, first, count, wake, told;
    uint64_t pushed, done;      /* done: so many have been dealt with */
};

/* Datagrams as they come in. */
struct batch {
    struct mmsghdr heads[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage names[BATCH];
    _Alignas(16) uint8_t data[BATCH][PACKET + TAIL];
};

/* Packets that are to be sent: they lie where they came in, or in `data`. */
struct outgoing {
    struct mmsghdr heads[BATCH];
    struct iovec parts[BATCH];
    struct media_sender *senders[BATCH];
    /* how long each packet of a datagram is, as the kernel is told */
    _Alignas(struct cmsghdr) uint8_t segments[BATCH][CMSG_SPACE(sizeof(uint16_t))];
    _Alignas(16) uint8_t data[BATCH][PACKET + TAIL];
    int count;
};

struct socket_entry {
    /* waiting: datagrams of it in the inbox. paused: it has its share of that, and nothing is read until Python has
       taken some. */
    int fd, place, waiting, paused;
};

/* A far end at an address of a place. */
struct path {
    struct media_address at;
    int place, number;
    uint64_t barrier;           /* RTP of it is in the inbox until so many are done: what follows goes there too */
    struct installed *flows[STREAMS];
    struct path *next;          /* in its bucket */
};

struct media_loop {
    pthread_t thread;
    int poll, stop, socket_count;
    struct socket_entry sockets[SOCKETS];
    struct batch batch;         /* the thread's */
    struct outgoing out;        /* its user holds the lock */
    struct inbox inbox;
    struct path *paths[PATHS], *buckets[BUCKETS];
    struct installed *flows[PATHS];
    uint8_t *levels;            /* Python's; of each flow the loudest (0) since Python wrote 255 there */
};

/* guard.c */
void guard_enter(void);
void guard_leave(void);
int srtp_open(struct media_flow *flow, uint8_t *packet, int *size);
int srtp_close(struct media_sender *sender, uint8_t *packet, int *size);

/* address.c */
int address_of(const struct sockaddr_storage *from, struct media_address *at);
uint32_t address_hash(const struct media_address *at, int place);

/* paths.c */
struct path *path_at(struct media_loop *loop, int place, const struct media_address *at);
struct installed *path_flow(struct path *path, uint32_t ssrc);
struct installed *flow_at(struct media_loop *loop, int number);

/* ring.c */
int ring_open(struct installed *installed);
int ring_find(const struct installed *installed, uint16_t sequence, struct media_kept *into);
int ring_drain(struct installed *installed, int most, struct media_kept *into);
void ring_keep(struct installed *installed, const uint8_t *packet, int size, double now);

/* inbox.c */
void inbox_open(struct inbox *inbox, int wake);
int inbox_push(struct inbox *inbox, struct socket_entry *of, const struct media_address *from,
               const uint8_t *data, int size);

/* outgoing.c */
void forward(struct outgoing *out, struct installed *installed, uint8_t *data, int size, double now);
void flush(struct outgoing *out);
double monotonic(void);

/* header.c */
int payload_offset(const uint8_t *packet, int size);
int payload_end(const uint8_t *packet, int size);
void renumber_extensions(uint8_t *packet, int size, const uint8_t *numbers);
int add_extension(uint8_t *packet, int size, int room, const uint8_t *element, int length);
int find_extension(const uint8_t *packet, int size, int number);
int find_number(const uint8_t *packet, int size, int number);
int red_primary(const uint8_t *packet, int at, int end, int *first);

static inline uint32_t read16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static inline uint32_t read32(const uint8_t *at) { return read16(at) << 16 | read16(at + 2); }
static inline void write16(uint8_t *at, uint32_t value) { at[0] = (uint8_t)(value >> 8); at[1] = (uint8_t)value; }
static inline void write32(uint8_t *at, uint32_t value) { write16(at, value >> 16); write16(at + 2, value); }

