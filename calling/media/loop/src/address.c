/* Addresses as the kernel has them, and as keys: it leaves nothing in them that is not the address. */
#include "internal.h"

#include <netinet/in.h>

/* 0: it is one of IP. */
int address_of(const struct sockaddr_storage *from, struct media_address *at)
{
    memset(at, 0, sizeof *at);
    at->size = from->ss_family == AF_INET    ? sizeof(struct sockaddr_in)
               : from->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : 0;
    memcpy(at->bytes, from, at->size);
    return at->size > 0 ? 0 : -1;
}

/* Only who has shown a leg's password gets into the table, so nobody chooses collisions at will. */
uint32_t address_hash(const struct media_address *at, int place)
{
    uint32_t hash = 2166136261u ^ (uint32_t)place;
    for (size_t i = 0; i < sizeof at->bytes; i++)
        hash = (hash ^ at->bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}
