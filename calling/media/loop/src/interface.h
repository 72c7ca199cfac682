/* What Python sees of the forwarding loop. native.py hands this file to cffi as it stands: declarations alone. */

/* An address of a datagram. family: 4 or 6; port: in the machine's own byte order. */
struct media_address {
    uint16_t family;
    uint16_t port;
    uint32_t scope;
    uint8_t ip[16];
};

/* One stream of a leg that goes to one sender: what may be forwarded, and the numbers of both sides. They are
   the loop's from media_install until media_recall gives them back. Names are those of the Python objects. */
struct media_flow {
    void *rx, *tx;                                  /* sessions of libsrtp */
    uint64_t packets, octets, sent_packets, sent_octets, refused, unsent;
    uint64_t seen;                                  /* red.Arrivals */
    int64_t cycles;
    double clock, jitter, transit, last_at, sent_at;
    uint32_t ssrc, last_ts, out_ssrc, ts_off, out_ts;
    int32_t fd, guard, arrivals_top;
    uint16_t top, seq_off, out_seq, switch_sequence;
    struct media_address to;
    uint8_t picture;                                /* packets are kept, and only the next in order is forwarded */
    uint8_t arrivals, renumbers, mid_size;
    uint8_t kinds[128];                             /* payload type: 0 Python's, 1 plain, 2 RED, 4 may be in it */
    uint8_t pts[128];                               /* payload type of the source: that of the listener */
    uint8_t extensions[16];                         /* number of an extension: its new one, 0 for none */
    uint8_t mid[20];                                /* the element that each packet gets */
};

/* A packet of a picture as it came, for those who lost it; a ring has 256, by the low byte of their numbers. */
struct media_kept {
    uint16_t sequence, size;
    uint8_t data[1536];
};

/* Where a datagram for Python came from. path: who holds that address, -1 for nobody. */
struct media_arrival {
    struct media_address at;
    int32_t place, path;
};

size_t media_flow_bytes(void);
void media_use_srtp(void *protect, void *unprotect, void *protect_rtcp, void *unprotect_rtcp);
int media_protect(void *session, void *packet, int *length);
int media_unprotect(void *session, void *packet, int *length);
int media_protect_rtcp(void *session, void *packet, int *length);
int media_unprotect_rtcp(void *session, void *packet, int *length);

struct media_loop *media_open(int wake);
int media_add_socket(struct media_loop *loop, int fd, int place);
void media_close(struct media_loop *loop);
int media_take(struct media_loop *loop, void *buffer, int room, struct media_arrival *arrival);

int media_place(struct media_loop *loop, int place, struct media_address *at);
void media_displace(struct media_loop *loop, int path);
int media_install(struct media_loop *loop, int path, struct media_flow *flow);
int media_read(struct media_loop *loop, int number, struct media_flow *flow);
int media_recall(struct media_loop *loop, int number, struct media_flow *flow, struct media_kept *ring);
int media_kept(struct media_loop *loop, int number, int sequence, struct media_kept *into);

int media_knows(struct media_flow *flow, uint8_t *packet, int size);
int media_rewrite(struct media_flow *flow, uint8_t *packet, int size, int room, double now);
