/* One lock for all that the loop's thread and Python share: sessions of libsrtp, flows, paths, the inbox.
   The functions of libsrtp are those of the copy that pylibsrtp brings; Python passes their addresses. */
#include "internal.h"

typedef int (*srtp_function)(void *session, void *packet, int *length);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static srtp_function protect, unprotect, protect_rtcp, unprotect_rtcp;

void guard_enter(void) { pthread_mutex_lock(&lock); }

void guard_leave(void) { pthread_mutex_unlock(&lock); }

void media_use_srtp(void *rtp_out, void *rtp_in, void *rtcp_out, void *rtcp_in)
{
    guard_enter();
    *(void **)&protect = rtp_out;
    *(void **)&unprotect = rtp_in;
    *(void **)&protect_rtcp = rtcp_out;
    *(void **)&unprotect_rtcp = rtcp_in;
    guard_leave();
}

/* For Python: as libsrtp has them, under the lock. */
#define GUARDED(name, one)                                  \
    int name(void *session, void *packet, int *length)      \
    {                                                       \
        guard_enter();                                      \
        int result = one(session, packet, length);          \
        guard_leave();                                      \
        return result;                                      \
    }

GUARDED(media_protect, protect)
GUARDED(media_unprotect, unprotect)
GUARDED(media_protect_rtcp, protect_rtcp)
GUARDED(media_unprotect_rtcp, unprotect_rtcp)

/* For the loop's thread, which holds the lock. 0: it is done. */
int srtp_open(struct media_flow *flow, uint8_t *packet, int *size) { return unprotect(flow->rx, packet, size); }

int srtp_close(struct media_sender *sender, uint8_t *packet, int *size) { return protect(sender->tx, packet, size); }
