/* What Python sees of the forwarding loop. native.py hands this file to cffi as it stands: declarations alone. */

/* An address of a datagram, as the kernel has it: the first `size` bytes, and zeros. */
struct media_address {
    uint8_t bytes[28], size;
};

/* Transport-wide numbers of a leg: of what came (the loop's ring) and of what went out (by number), each with the
   time in µs, and below that 16 bits: the number, the size. Python's memory; only the loop writes to `came`. */
struct media_wide {
    uint64_t came[512], sent[1024], count;          /* count: of what came */
    uint16_t next;
};

/* One stream of a leg: what may be forwarded of it, and its numbers. They are the loop's from media_install until
   media_recall gives them back. Names are those of the Python objects. */
struct media_flow {
    void *rx;                                       /* a session of libsrtp */
    struct media_wide *wide;                        /* where packets are noted; NULL: nowhere */
    uint64_t packets, octets, refused;
    uint64_t seen;                                  /* red.Arrivals */
    int64_t cycles;
    double clock, jitter, transit, last_at;
    uint32_t ssrc, last_ts;
    int32_t arrivals_top;
    uint16_t top, drained;                          /* what is kept behind `drained` was not taken yet */
    uint16_t keeps;                                 /* how many of the last packets: 0, or a power of two up to 256 */
    /* picture: only the next in order is forwarded. level_id: the extension that tells how loud it is, 0: nobody
       asks. wide_id: the one with the transport-wide number. */
    uint8_t picture, arrivals, level_id, wide_id;
    uint8_t kinds[128];                             /* payload type: 0 Python's, 1 plain, 2 RED, 4 may be in it */
};

/* One sender: how what it sends is made its own, and its numbers; lent likewise. Without a stream it sends what
   Python pushes. */
struct media_sender {
    void *tx;
    struct media_wide *wide;                        /* whose numbers its packets get; NULL: none */
    uint64_t sent_packets, sent_octets, unsent;
    double push_clock, sent_at;
    uint32_t out_ssrc, ts_off, out_ts, next_ts;
    int32_t fd, guard;
    uint16_t seq_off, out_seq, switch_sequence;
    struct media_address to;
    uint8_t renumbers, mid_size, push_pt, wide_id;
    uint8_t pts[128];                               /* payload type of the source: that of the listener */
    uint8_t extensions[16];                         /* number of an extension: its new one, 0 for none */
    uint8_t mid[20];                                /* the element that each packet gets */
};

/* A packet as it came, and when: of a picture, for those who lose it; of sound, for who hears it a little later. */
struct media_kept {
    double at;
    uint16_t sequence, size;
    uint8_t data[1536];
};

/* Where a datagram for Python came from. path: who holds that address, -1 for nobody. */
struct media_arrival {
    struct media_address at;
    int32_t place, path;
};

size_t media_bytes(void);
void media_use_srtp(void *protect, void *unprotect, void *protect_rtcp, void *unprotect_rtcp);
int media_protect(void *session, void *packet, int *length);
int media_unprotect(void *session, void *packet, int *length);
int media_protect_rtcp(void *session, void *packet, int *length);
int media_unprotect_rtcp(void *session, void *packet, int *length);

struct media_loop *media_open(int wake, uint8_t *levels);
int media_add_socket(struct media_loop *loop, int fd, int place);
void media_close(struct media_loop *loop);
int media_take(struct media_loop *loop, void *buffer, int room, struct media_arrival *arrival);

int media_place(struct media_loop *loop, int place, struct media_address *at);
void media_displace(struct media_loop *loop, int path);
int media_install(struct media_loop *loop, int path, struct media_flow *flow, struct media_sender *senders, int count);
int media_recall(struct media_loop *loop, int number, struct media_flow *flow, struct media_sender *senders,
                 struct media_kept *ring);
void media_push(struct media_loop *loop, int *numbers, int count, uint8_t *payload, int size, int step);
int media_kept(struct media_loop *loop, int number, int sequence, int most, struct media_kept *into);

int media_knows(struct media_flow *flow, uint8_t *packet, int size);
int media_arrive(struct media_flow *flow, uint8_t *packet, int size, double now, uint8_t *level);
int media_went(struct media_wide *wide, uint8_t *packet, int size, int room, int id, double now);
int media_depart(struct media_sender *sender, uint8_t *packet, int size, int room, double now);
int media_make(struct media_sender *sender, uint8_t *packet, int room, uint8_t *payload, int size, int step, double now);
