/* Bytes of RTP headers: the functions of calling/media/rtp/header.py and red.py, to the byte. Pure.
   A packet is at least 12 bytes long; no function reads or writes at `size` or behind it, but add_extension,
   which is told the room. */
#include "internal.h"

/* Where the payload starts, -1 if the header does not fit. */
int payload_offset(const uint8_t *packet, int size)
{
    int offset = 12 + 4 * (packet[0] & 15);
    if (packet[0] & 0x10) {
        if (offset + 4 > size)
            return -1;
        offset += 4 + 4 * (int)read16(packet + offset + 2);
    }
    return offset <= size ? offset : -1;
}

/* Where it ends, without padding. */
int payload_end(const uint8_t *packet, int size)
{
    if (!(packet[0] & 0x20) || size == 0)
        return size;
    int end = size - packet[size - 1];
    return end > 0 ? end : 0;
}

/* Where the elements of a block of extensions end; `at` is where the block begins, and 4 bytes of it fit. */
static int block_end(const uint8_t *packet, int at, int size)
{
    int end = at + 4 + 4 * (int)read16(packet + at + 2);
    return end < size ? end : size;
}

static int is_one_byte(const uint8_t *packet, int at) { return read16(packet + at) == 0xBEDE; }

/* Where the next element of a block is, behind padding; `end` or more: there is none. stop: where it ends. */
static int element(const uint8_t *packet, int at, int end, int *stop)
{
    while (at < end && packet[at] == 0)
        at++;
    *stop = at < end ? at + 2 + (packet[at] & 15) : at;
    return at;
}

void renumber_extensions(uint8_t *packet, int size, const uint8_t *numbers)
{
    int at = 12 + 4 * (packet[0] & 15), stop;
    if (at + 4 > size)
        return;
    int end = block_end(packet, at, size);
    if (!is_one_byte(packet, at)) { /* never negotiated: hidden as an empty block */
        write16(packet + at, 0xBEDE);
        memset(packet + at + 4, 0, (size_t)(end - at - 4));
        return;
    }
    for (at = element(packet, at + 4, end, &stop); at < end; at = element(packet, stop, end, &stop)) {
        uint8_t head = packet[at];
        if (head >> 4 == 15 || stop > end)
            numbers = NULL, stop = end;
        if (numbers != NULL && numbers[head >> 4])
            packet[at] = (uint8_t)(numbers[head >> 4] << 4 | (head & 15));
        else
            memset(packet + at, 0, (size_t)(stop - at));
    }
}

/* Where the data of the element of that number begin, 0 where there is none whose data fit. */
int find_extension(const uint8_t *packet, int size, int number)
{
    int at = 12 + 4 * (packet[0] & 15), stop;
    if (!(packet[0] & 0x10) || at + 4 > size || !is_one_byte(packet, at))
        return 0;
    int end = block_end(packet, at, size);
    at = element(packet, at + 4, end, &stop);
    while (at < end && packet[at] >> 4 != 15 && packet[at] >> 4 != number)
        at = element(packet, stop, end, &stop);
    return at < end && packet[at] >> 4 == number && stop <= end ? at + 1 : 0;
}

/* The same of one that is a number of two bytes. */
int find_number(const uint8_t *packet, int size, int number)
{
    int at = find_extension(packet, size, number);
    return at && (packet[at - 1] & 15) == 1 ? at : 0;
}

/* Put an element (a multiple of 4 bytes) into a packet; its size then. Where it has no room nothing changes. */
int add_extension(uint8_t *packet, int size, int room, const uint8_t *element, int length)
{
    int at = 12 + 4 * (packet[0] & 15);
    if (size + 4 + length > room)
        return size;
    if (!(packet[0] & 0x10)) {
        if (at > size)
            return size;
        memmove(packet + at + 4 + length, packet + at, (size_t)(size - at));
        write16(packet + at, 0xBEDE);
        write16(packet + at + 2, (uint32_t)length / 4);
        memcpy(packet + at + 4, element, (size_t)length);
        packet[0] |= 0x10;
        return size + 4 + length;
    }
    int end = payload_offset(packet, size);
    if (end < 0 || !is_one_byte(packet, at) || find_extension(packet, size, element[0] >> 4))
        return size;
    memmove(packet + end + length, packet + end, (size_t)(size - end));
    memcpy(packet + end, element, (size_t)length);
    write16(packet + at + 2, read16(packet + at + 2) + (uint32_t)length / 4);
    return size + length;
}

/* The format of a redundant packet's own sound and where that begins; -1 where it is malformed (red.primary). */
int red_primary(const uint8_t *packet, int at, int end, int *first)
{
    int most = at + 4 * 8, length = 0;
    while (at < end && packet[at] & 0x80) {
        if (at == most || at + 4 > end)
            return -1;
        length += (packet[at + 2] & 3) << 8 | packet[at + 3];
        at += 4;
    }
    *first = at + 1 + length;
    return *first < end ? packet[at] : -1;
}
