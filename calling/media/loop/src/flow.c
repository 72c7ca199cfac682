/* One packet of a forwarded stream: what RtpReceiveStream.receive and RtpSender.relay do with it, to the byte.
   Pure but for the flow's own numbers. What is not the plain case is Python's (media_knows). */
#include "internal.h"

#define AHEAD 3000       /* codecs/order.py */
#define RECENT 0xFFu     /* rtp/red.py: a redundant packet can bring nothing that is not there */
#define ROOM 1400        /* rtp/send_stream.py */

enum { PLAIN = 1, REDUNDANT = 2, CARRIED = 4 }; /* media_flow.kinds */

size_t media_bytes(void) { return sizeof(struct media_flow) + sizeof(struct media_sender); }

/* By the header alone, which SRTP leaves readable: whether the packet is of the plain kind. */
int media_knows(struct media_flow *flow, uint8_t *packet, int size)
{
    if (size < 13)
        return 0;
    uint8_t kind = flow->kinds[packet[1] & 0x7F];
    uint16_t sequence = (uint16_t)read16(packet + 2);
    if (kind == 0 || (uint16_t)(sequence - flow->top) >= AHEAD)
        return 0;
    if (flow->level_id && !find_extension(packet, size, flow->level_id))
        return 0;
    if (flow->picture) /* a gap is to be asked for */
        return (uint16_t)(sequence - flow->top) == 1 && size <= (int)sizeof ((struct media_kept *)0)->data;
    if (!flow->arrivals)
        return kind & PLAIN;
    return (uint16_t)(sequence - flow->arrivals_top) == 1 && (flow->seen & RECENT) == RECENT;
}

/* RtpReceiveStream.receive */
static void count(struct media_flow *flow, int size, uint16_t sequence, uint32_t timestamp, double now)
{
    if (sequence < flow->top)
        flow->cycles += 65536;
    flow->top = sequence;
    flow->packets++, flow->octets += (uint64_t)size;
    double transit = now * flow->clock - timestamp, change = transit - flow->transit;
    flow->transit = transit;
    change = change < 0 ? -change : change;
    if (change < flow->clock)
        flow->jitter += (change - flow->jitter) * 0.0625;
    flow->last_at = now, flow->last_ts = timestamp;
}

/* RtpReceiveStream._unwrap: the packet's own sound in the place of all of it; the size then, -1: nothing. */
static int unwrap(struct media_flow *flow, uint8_t *packet, int size, uint16_t sequence, uint8_t *mark)
{
    int at = payload_offset(packet, size), first = 0;
    if (at < 0)
        return -1;
    flow->arrivals_top = sequence, flow->seen = flow->seen << 1 | 1;
    if (packet[0] & 0x20) {
        size = payload_end(packet, size);
        packet[0] &= 0xDF;
    }
    int pt = red_primary(packet, at, size, &first);
    if (pt < 0 || !(flow->kinds[pt & 0x7F] & CARRIED))
        return -1;
    memmove(packet + at, packet + first, (size_t)(size - first));
    *mark = (uint8_t)((*mark & 0x80) | pt);
    return at + size - first;
}

/* An authentic packet that the flow knows: count it, make `level` its own if that is louder, and leave its own
   sound. Its size then; 0: there is nothing in it. */
int media_arrive(struct media_flow *flow, uint8_t *packet, int size, double now, uint8_t *level)
{
    if (size < 12)
        return 0;
    uint8_t mark = packet[1];
    uint16_t sequence = (uint16_t)read16(packet + 2);
    count(flow, size, sequence, read32(packet + 4), now);
    if (flow->kinds[mark & 0x7F] & REDUNDANT) {
        size = unwrap(flow, packet, size, sequence, &mark);
        packet[1] = mark;
    } else if (flow->arrivals)
        flow->arrivals_top = sequence, flow->seen = flow->seen << 1 | 1;
    if (size < 12)
        return 0;
    int at = flow->wide != NULL ? find_number(packet, size, flow->wide_id) : 0;
    if (at) {
        flow->wide->came[flow->wide->count % 512] = (uint64_t)(now * 1e6) << 16 | read16(packet + at);
        __atomic_store_n(&flow->wide->count, flow->wide->count + 1, __ATOMIC_RELEASE);
    }
    at = flow->level_id ? find_extension(packet, size, flow->level_id) : 0;
    if (at > 0 && (packet[at] & 0x7F) < *level)
        *level = packet[at] & 0x7F;
    return size;
}

/* PythonNumbers.went: give a packet the next transport-wide number, as the extension of that id, and note when it
   went. Its size then. Python calls it while the loop's thread does. */
int media_went(struct media_wide *wide, uint8_t *packet, int size, int room, int id, double now)
{
    const uint8_t element[4] = {(uint8_t)(id << 4 | 1)};
    size = size < ROOM ? add_extension(packet, size, room, element, sizeof element) : size;
    int at = find_number(packet, size, id);
    if (at) {
        uint16_t number = __atomic_fetch_add(&wide->next, 1, __ATOMIC_RELAXED);
        write16(packet + at, number);
        wide->sent[number % 1024] = (uint64_t)(now * 1e6) << 16 | (uint16_t)size;
    }
    return size;
}

/* The last steps of a packet of the sender's own; its size. */
static int finish(struct media_sender *sender, uint8_t *packet, int size, int room, uint16_t number, uint32_t stamp,
                  double now)
{
    write16(packet + 2, number);
    write32(packet + 4, stamp);
    write32(packet + 8, sender->out_ssrc);
    if (sender->mid_size && size < ROOM)
        size = add_extension(packet, size, room, sender->mid, sender->mid_size);
    if (sender->wide != NULL)
        size = media_went(sender->wide, packet, size, room, sender->wide_id, now);
    sender->sent_packets++, sender->sent_octets += (uint64_t)size;
    if ((uint16_t)(number - sender->out_seq) < 0x8000)
        sender->out_seq = number, sender->out_ts = stamp, sender->sent_at = now;
    return size;
}

/* A packet of the source, in `room` bytes: make it one of the listener's. Its size then; 0: it is not sent. */
int media_depart(struct media_sender *sender, uint8_t *packet, int size, int room, double now)
{
    if (size < 12 || size > room)
        return 0;
    uint16_t number = (uint16_t)(read16(packet + 2) + sender->seq_off);
    if (sender->guard) {
        sender->guard--;
        if ((uint16_t)(number - sender->switch_sequence) >= 0x8000)
            return 0;
    }
    packet[1] = (uint8_t)(sender->pts[packet[1] & 0x7F] | (packet[1] & 0x80));
    if (sender->renumbers && packet[0] & 0x10)
        renumber_extensions(packet, size, sender->extensions);
    return finish(sender, packet, size, room, number, read32(packet + 4) + sender->ts_off, now);
}

/* RtpSender.push: a packet of a payload, in `room` bytes; its size, 0: it has no room. */
int media_make(struct media_sender *sender, uint8_t *packet, int room, uint8_t *payload, int size, int step, double now)
{
    if (size < 0 || 12 + size > room)
        return 0;
    packet[0] = 0x80, packet[1] = sender->push_pt;
    if (now - sender->sent_at > 1.0) { /* a pause: its time is not sent after */
        double ahead = (now - sender->sent_at) * sender->push_clock;
        sender->next_ts = sender->out_ts + (uint32_t)(uint64_t)(ahead < 1 ? 1 : ahead);
        packet[1] |= 0x80;
    }
    uint32_t stamp = sender->next_ts;
    sender->next_ts += (uint32_t)step;
    memcpy(packet + 12, payload, (size_t)size);
    return finish(sender, packet, 12 + size, room, (uint16_t)(sender->out_seq + 1), stamp, now);
}
