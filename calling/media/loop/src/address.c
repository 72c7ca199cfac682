/* Addresses as the kernel has them, and as keys. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "loop.h"

/* 0: it is one of IP. */
int address_of(const struct sockaddr_storage *from, struct media_address *at)
{
    memset(at, 0, sizeof *at);
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        at->family = 4, at->port = ntohs(v4->sin_port);
        memcpy(at->ip, &v4->sin_addr, 4);
        return 0;
    }
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        at->family = 6, at->port = ntohs(v6->sin6_port);
        at->scope = v6->sin6_scope_id;
        memcpy(at->ip, &v6->sin6_addr, 16);
        return 0;
    }
    return -1;
}

socklen_t address_to(const struct media_address *at, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (at->family == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)to;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(at->port);
        memcpy(&v4->sin_addr, at->ip, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(at->port);
    v6->sin6_scope_id = at->scope;
    memcpy(&v6->sin6_addr, at->ip, 16);
    return sizeof *v6;
}

int address_same(const struct media_address *one, const struct media_address *other)
{
    return one->family == other->family && one->port == other->port && one->scope == other->scope
        && memcmp(one->ip, other->ip, 16) == 0;
}

/* Only who has shown a leg's password gets into the table, so nobody chooses collisions at will. */
uint32_t address_hash(const struct media_address *at, int place)
{
    uint32_t hash = 2166136261u ^ (uint32_t)place;
    for (int i = 0; i < 16; i++)
        hash = (hash ^ at->ip[i]) * 16777619u;
    hash = (hash ^ at->port) * 16777619u;
    return hash ^ hash >> 15;
}
