/* Hostile datagrams for the forwarding loop, with sanitizers: random ones, and good ones with bytes changed.
   usage: hostile SEED PACKETS DATAGRAMS. First the functions alone, on memory that ends where the packet's room
   ends; then a whole loop whose flows and paths change while strangers and devices send. */
#include "internal.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TAG 16
#define DEVICES 6

static _Thread_local uint64_t state = 88172645463325252u; /* never 0 */

static uint32_t dice(uint32_t most)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11) % most;
}

static void expect(int fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* Stand for libsrtp: a tag of 16 bytes that is wrong now and then. */
static int open_tag(void *session, void *packet, int *size)
{
    (void)session;
    (void)packet;
    if (*size < 12 + TAG || dice(50) == 0)
        return 7;
    *size -= TAG;
    return 0;
}

static int put_tag(void *session, void *packet, int *size)
{
    (void)session;
    memset((uint8_t *)packet + *size, 0xAA, TAG);
    *size += TAG;
    return 0;
}

static struct media_wide wide[2]; /* of all sources, of all listeners */

static void describe(struct media_flow *flow, struct media_sender *sender, uint32_t ssrc)
{
    memset(flow, 0, sizeof *flow);
    memset(sender, 0, sizeof *sender);
    flow->ssrc = ssrc;
    flow->clock = 48000;
    flow->top = (uint16_t)dice(65536);
    sender->seq_off = (uint16_t)dice(65536);
    sender->guard = (int32_t)dice(3);
    flow->kinds[111] = sender->pts[0] = 5;
    sender->pts[111] = 96;
    flow->kinds[63] = 2;
    flow->kinds[0] = 1;
    flow->arrivals = (uint8_t)dice(2);
    flow->arrivals_top = flow->top;
    flow->seen = ~0ull;
    flow->level_id = (uint8_t)dice(2);
    flow->keeps = (uint16_t)(dice(2) ? 1 << dice(9) : 0);
    if (dice(2)) {
        flow->wide = &wide[0], sender->wide = &wide[1];
        flow->wide_id = (uint8_t)(1 + dice(14)), sender->wide_id = (uint8_t)(1 + dice(14));
    }
    sender->push_pt = 96;
    sender->push_clock = 48000;
    sender->renumbers = (uint8_t)dice(2);
    for (int i = 1; i < 15; i++)
        sender->extensions[i] = (uint8_t)dice(15);
    if (dice(2)) {
        sender->mid_size = 4;
        memcpy(sender->mid, "\x10\x30\0\0", 4);
    }
}

/* A packet as a device sends it next, then with some bytes changed, cut or grown; its size, at least 1. */
static int make(uint8_t *packet, int room, uint16_t sequence, uint32_t ssrc)
{
    int size = 12;
    memset(packet, 0, (size_t)room);
    packet[0] = 0x80;
    packet[1] = dice(2) ? 63 : 111;
    write16(packet + 2, sequence);
    write32(packet + 4, sequence * 960u);
    write32(packet + 8, ssrc);
    if (dice(2)) {
        packet[0] |= 0x10;
        memcpy(packet + size, "\xBE\xDE\0\1\x10\x55\0\0", 8);
        size += 8;
    }
    if (packet[1] == 63) {
        uint32_t past = dice(60);
        packet[size] = 0x80 | 111;
        write16(packet + size + 1, 960u << 2 | past >> 8);
        packet[size + 3] = (uint8_t)past;
        packet[size + 4] = 111;
        size += 5 + (int)past;
    }
    size += (int)dice(200) + TAG;
    switch (dice(4)) {
    case 0:
        for (uint32_t i = dice(6) + 1; i > 0; i--)
            packet[dice(24)] = (uint8_t)dice(256);
        break;
    case 1:
        size = (int)dice((uint32_t)room) + 1;
        for (int i = 0; i < size; i++)
            if (dice(3) == 0)
                packet[i] = (uint8_t)dice(256);
        break;
    case 2:
        size = (int)dice((uint32_t)size) + 1;
        break;
    }
    return size < room ? size : room;
}

static void alone(long packets)
{
    uint8_t made[PACKET];
    struct media_flow flow;
    struct media_sender sender;
    uint8_t level = 255;
    long known = 0, sent = 0;
    describe(&flow, &sender, 7);
    for (long i = 0; i < packets; i++) {
        if (dice(100) == 0) {
            describe(&flow, &sender, 7);
            flow.picture = (uint8_t)dice(2);
        }
        int size = make(made, PACKET, (uint16_t)(flow.top + 1), 7), room = size + (int)dice(40);
        uint8_t *exact = malloc((size_t)room);
        memcpy(exact, made, (size_t)size);
        if (size > 12 && media_knows(&flow, exact, size)) {
            int now = media_arrive(&flow, exact, size, 1.0 + 0.02 * (double)i, &level);
            expect(now >= 0 && now <= size, "a packet has grown as it came");
            now = media_depart(&sender, exact, now, room, 1.0 + 0.02 * (double)i);
            expect(now >= 0 && now <= room, "a packet has grown out of its room");
            known++;
            sent += now > 0;
        }
        int payload = (int)dice((uint32_t)size);
        int pushed = media_make(&sender, exact, room, made, payload, 960, 0.7 * (double)i);
        expect(pushed >= 0 && pushed <= room, "a payload has grown out of its room");
        free(exact);
    }
    printf("%ld packets, %ld known, %ld sent on\n", packets, known, sent);
    expect(packets < 1000 || (known > packets / 8 && sent > packets / 16), "hardly a packet was one to forward");
}

struct scene {
    struct media_loop *loop;
    struct media_address at[DEVICES];
    int fd, end;
    atomic_int over;
    long installed, taken, kept, drained;
    uint8_t levels[PATHS];
    uint64_t seed, forwarded;
    _Atomic uint16_t sequences[DEVICES + 1];
};

/* What Python does meanwhile: takes datagrams, moves flows and paths. */
static void *change(void *argument)
{
    struct scene *scene = argument;
    struct media_arrival arrival;
    struct media_flow flow;
    struct media_sender senders[SENDERS];
    int paths[DEVICES], flows[DEVICES], counts[DEVICES] = {0}, pushed[DEVICES];
    uint8_t buffer[PACKET], packet[100];
    struct media_kept *ring = calloc(RING, sizeof *ring), one;
    state = scene->seed;
    for (int i = 0; i < DEVICES; i++)
        paths[i] = flows[i] = pushed[i] = -1;
    while (!atomic_load(&scene->over)) {
        int who = (int)dice(DEVICES), size = (int)sizeof packet - TAG;
        for (int i = 0; i < 20; i++)
            scene->taken += media_take(scene->loop, buffer, PACKET, &arrival) >= 0;
        if (paths[who] < 0) {
            paths[who] = media_place(scene->loop, 0, &scene->at[who]);
        } else if (flows[who] < 0) {
            counts[who] = (int)dice(4);
            for (int i = 0; i <= counts[who]; i++) {
                describe(&flow, &senders[i], (uint32_t)who);
                senders[i].fd = scene->fd;
                senders[i].to = scene->at[(who + 1 + i) % DEVICES];
            }
            flow.top = flow.arrivals_top = atomic_load(&scene->sequences[who]);
            flow.picture = (uint8_t)dice(2);
            flows[who] = media_install(scene->loop, paths[who], &flow, senders, counts[who]);
            scene->installed += flows[who] >= 0;
        } else if (dice(40) == 0) {
            expect(media_recall(scene->loop, flows[who], &flow, senders, ring) == 0, "a flow is gone");
            for (int i = 0; i < counts[who]; i++)
                scene->forwarded += senders[i].sent_packets;
            flows[who] = -1;
            if (dice(4) == 0) {
                media_displace(scene->loop, paths[who]);
                paths[who] = -1;
            }
        } else {
            expect(media_recall(scene->loop, flows[who], &flow, senders, NULL) == 0, "a flow is gone");
            scene->kept += media_kept(scene->loop, flows[who], flow.top, 0, &one) == 0;
            while (!flow.picture && media_kept(scene->loop, flows[who], -1, (int)dice(20), &one) == 0)
                scene->drained++;
        }
        if (pushed[who] < 0) {
            describe(&flow, senders, 0);
            senders[0].fd = scene->fd;
            senders[0].to = scene->at[who];
            pushed[who] = media_install(scene->loop, -1, &flow, senders, 1);
        } else if (dice(40) == 0) {
            expect(media_recall(scene->loop, pushed[who], &flow, senders, ring) == 0, "a listener is gone");
            pushed[who] = -1;
        }
        if (dice(20) == 0) /* more would leave no time to take what comes, and all would wait behind it */
            media_push(scene->loop, dice(2) ? pushed : flows, DEVICES, buffer, (int)dice(PACKET), 960);
        media_protect(NULL, packet, &size);
    }
    for (int i = 0; i < DEVICES; i++)
        if (flows[i] >= 0 && media_recall(scene->loop, flows[i], &flow, senders, ring) == 0)
            for (int each = 0; each < counts[i]; each++)
                scene->forwarded += senders[each].sent_packets;
    for (int i = 0; i < DEVICES; i++)
        media_recall(scene->loop, pushed[i], &flow, senders, ring);
    free(ring);
    return NULL;
}

static int bound(struct sockaddr_in *at)
{
    socklen_t length = sizeof *at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    memset(at, 0, sizeof *at);
    at->sin_family = AF_INET;
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    expect(fd >= 0 && bind(fd, (struct sockaddr *)at, sizeof *at) == 0, "no socket");
    expect(getsockname(fd, (struct sockaddr *)at, &length) == 0, "no name");
    return fd;
}

static void together(uint64_t seed, long datagrams)
{
    struct scene scene = {.seed = seed + 1};
    struct sockaddr_in port, places[DEVICES + 1];
    int wake = eventfd(0, EFD_NONBLOCK), devices[DEVICES + 1];
    uint8_t packet[PACKET];
    pthread_t changing;
    scene.fd = bound(&port);
    scene.loop = media_open(wake, scene.levels);
    expect(scene.loop != NULL && media_add_socket(scene.loop, scene.fd, 0) == 0, "no loop");
    for (int i = 0; i <= DEVICES; i++) {
        struct sockaddr_storage at = {0};
        devices[i] = bound(&places[i]);
        memcpy(&at, &places[i], sizeof places[i]);
        if (i < DEVICES)
            expect(address_of(&at, &scene.at[i]) == 0, "no address");
    }
    pthread_create(&changing, NULL, change, &scene);
    for (long i = 0; i < datagrams; i++) {
        int who = (int)dice(DEVICES + 1); /* the last one is a stranger */
        int size = make(packet, 1400, atomic_fetch_add(&scene.sequences[who], 1), (uint32_t)who);
        sendto(devices[who], packet, (size_t)size, 0, (struct sockaddr *)&port, sizeof port);
        while (recv(devices[who], packet, sizeof packet, 0) >= 0)
            ;
        if (i % 50 == 0)
            usleep(500);
    }
    usleep(50000);
    atomic_store(&scene.over, 1);
    pthread_join(changing, NULL);
    media_close(scene.loop);
    for (int i = 0; i <= DEVICES; i++)
        close(devices[i]);
    close(scene.fd);
    close(wake);
    printf("%ld datagrams, %ld flows, %lu sent on, %ld taken, %ld kept, %ld drained\n", datagrams,
           scene.installed, (unsigned long)scene.forwarded, scene.taken, scene.kept, scene.drained);
    expect(datagrams < 1000 || (scene.forwarded > 0 && scene.taken > 0), "the loop did nothing");
}

int main(int count, char **words)
{
    expect(count == 4, "usage: hostile SEED PACKETS DATAGRAMS");
    uint64_t seed = strtoull(words[1], NULL, 10) * 2654435761u + 88172645463325252u;
    state = seed;
    media_use_srtp((void *)put_tag, (void *)open_tag, (void *)put_tag, (void *)open_tag);
    alone(atol(words[2]));
    together(seed, atol(words[3]));
    return 0;
}
