// The floor: the least that a WebSocket chat server can do on Linux, to measure Snug against.
//
//     floor PORT [BATCH] [PREFIX]
//
// BATCH 0: one send for each recipient and message. BATCH 1: what one turn of the loop has read goes to each recipient
// in one send; who wrote some of it gets the rest by writev. PREFIX: so many bytes are put before each text, since Snug
// says `<nick> ` there.
//
// It trusts everybody: no limits, no timeouts, no pings, no fragments, nothing kept, no check of a text. What stands
// here is what nobody can leave out: epoll, the handshake, unmasking, and the bytes to each member. So it is a bound on
// what the kernel allows, and nothing to run anywhere else.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    MOST_FDS = 65536,
    MOST_ROOMS = 4096,
    LONGEST_NAME = 64,
    LONGEST_TEXT = 65000,     // with its prefix it still has a length of 16 bits
    READ_BUFFER = 256 * 1024, // of the whole program, as in Snug: what is left of a frame is carried in a copy
    MOST_SLICES = 1024,       // IOV_MAX on Linux
    TEXT = 1,
    CLOSE = 8,
};

struct connection {
    uint8_t *carried, *unsent; // the beginning of a frame; what the socket did not take
    uint32_t carried_length, unsent_length;
    uint32_t room, place;      // its room, and its place among the members
    uint8_t open;              // the handshake is done
    uint8_t said;              // wrote some of what is being flushed
};

struct said {
    int author;
    uint32_t from, length; // in the room's log
};

struct room {
    char name[LONGEST_NAME + 1];
    int *members;
    uint32_t count, capacity;
    uint8_t *log; // this turn's frames, with BATCH 1
    uint32_t log_length, log_capacity;
    struct said *said;
    uint32_t said_count, said_capacity;
};

static struct connection connections[MOST_FDS];
static struct room rooms[MOST_ROOMS];
static uint16_t room_count, room_by_hash[2 * MOST_ROOMS]; // one more than its place in `rooms`, or 0: none
static uint32_t spoken[MOST_ROOMS], spoken_count; // rooms whose log is not empty
static uint8_t read_buffer[READ_BUFFER];
static uint8_t prefix[1000];
static size_t prefix_length;
static int epoll, batch;

// Doubles what is too small for `needed` of `size` bytes.
static void *grown(void *array, uint32_t *capacity, uint32_t needed, size_t size) {
    if (needed <= *capacity) return array;
    *capacity = needed * 2;
    array = realloc(array, *capacity * size);
    if (!array) abort();
    return array;
}

static void watch(int fd, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, operation, fd, &event)) abort();
}

static void hang_up(int fd) {
    struct connection *connection = &connections[fd];
    if (connection->open) {
        struct room *room = &rooms[connection->room];
        int last = room->members[--room->count];
        room->members[connection->place] = last;
        connections[last].place = connection->place;
    }
    free(connection->carried);
    free(connection->unsent);
    memset(connection, 0, sizeof *connection);
    close(fd);
}

// --- writing

static void keep_unsent(int fd, const struct iovec *slices, int count, size_t total, size_t sent) {
    struct connection *connection = &connections[fd];
    if (!connection->unsent_length) watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    connection->unsent = realloc(connection->unsent, connection->unsent_length + total - sent);
    if (!connection->unsent) abort();
    for (int i = 0; i < count; i++) {
        if (sent >= slices[i].iov_len) {
            sent -= slices[i].iov_len;
            continue;
        }
        size_t rest = slices[i].iov_len - sent;
        memcpy(connection->unsent + connection->unsent_length, (uint8_t *)slices[i].iov_base + sent, rest);
        connection->unsent_length += rest;
        sent = 0;
    }
}

static void send_to(int fd, const struct iovec *slices, int count) {
    size_t total = 0;
    for (int i = 0; i < count; i++) total += slices[i].iov_len;
    ssize_t sent = 0;
    if (!connections[fd].unsent_length) {
        sent = count == 1 ? send(fd, slices->iov_base, slices->iov_len, MSG_NOSIGNAL) : writev(fd, slices, count);
        if (sent < 0) sent = 0; // full, or gone: then reading says so
    }
    if ((size_t)sent < total) keep_unsent(fd, slices, count, total, sent);
}

static void send_rest(int fd) {
    struct connection *connection = &connections[fd];
    ssize_t sent = send(fd, connection->unsent, connection->unsent_length, MSG_NOSIGNAL);
    if (sent <= 0) return;
    connection->unsent_length -= sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_length);
    if (connection->unsent_length) return;
    free(connection->unsent);
    connection->unsent = NULL;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

// The log without what this member wrote itself.
static int slices_for(int member, struct room *room, struct iovec *slices) {
    uint32_t from = 0;
    int count = 0;
    for (uint32_t i = 0; i < room->said_count && count < MOST_SLICES - 1; i++) {
        struct said *said = &room->said[i];
        if (said->author != member) continue;
        if (said->from > from) slices[count++] = (struct iovec){room->log + from, said->from - from};
        from = said->from + said->length;
    }
    if (room->log_length > from) slices[count++] = (struct iovec){room->log + from, room->log_length - from};
    return count;
}

static void flush(struct room *room) {
    static struct iovec slices[MOST_SLICES];
    for (uint32_t i = 0; i < room->said_count; i++) connections[room->said[i].author].said = 1;
    for (uint32_t i = 0; i < room->count; i++) {
        int member = room->members[i], count = 1;
        slices[0] = (struct iovec){room->log, room->log_length};
        if (connections[member].said) count = slices_for(member, room, slices);
        if (count) send_to(member, slices, count);
    }
    for (uint32_t i = 0; i < room->said_count; i++) connections[room->said[i].author].said = 0;
    room->said_count = room->log_length = 0;
}

// --- the handshake (RFC 6455, section 4.2; SHA-1: RFC 3174; Base64: RFC 4648, section 4)

static uint32_t rotated(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

static void sha1(const uint8_t *text, size_t length, uint8_t digest[20]) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t padded[128] = {0}; // enough for the 60 bytes of a key and its GUID
    size_t blocks = (length + 8) / 64 + 1;
    memcpy(padded, text, length);
    padded[length] = 0x80;
    for (int i = 0; i < 8; i++) padded[blocks * 64 - 1 - i] = (uint64_t)length * 8 >> (8 * i);
    for (size_t block = 0; block < blocks; block++) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        const uint8_t *p = padded + block * 64;
        for (int i = 0; i < 16; i++, p += 4) w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        for (int i = 16; i < 80; i++) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20 ? ((b & c) | (~b & d)) + 0x5A827999
                       : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                       : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                : (b ^ c ^ d) + 0xCA62C1D6;
            uint32_t next = rotated(a, 5) + f + e + w[i];
            e = d, d = c, c = rotated(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

static void base64(const uint8_t digest[20], char text[29]) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t padded[21] = {0};
    memcpy(padded, digest, 20);
    for (int i = 0; i < 28; i++) {
        const uint8_t *three = padded + i / 4 * 3;
        uint32_t bits = three[0] << 16 | three[1] << 8 | three[2];
        text[i] = letters[bits >> (18 - 6 * (i % 4)) & 63];
    }
    text[27] = '=';
    text[28] = 0;
}

static uint32_t room_of(const char *name, size_t length) {
    uint32_t hash = 2166136261; // FNV-1a
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619;
    for (uint32_t at = hash % (2 * MOST_ROOMS);; at = (at + 1) % (2 * MOST_ROOMS)) {
        if (!room_by_hash[at]) {
            if (room_count == MOST_ROOMS) abort();
            memcpy(rooms[room_count].name, name, length);
            room_by_hash[at] = ++room_count;
        }
        const char *found = rooms[room_by_hash[at] - 1].name;
        if (!strncmp(found, name, length) && !found[length]) return room_by_hash[at] - 1;
    }
}

// The head ends at `end`. Answers whether it was one for a room: GET /ws/ROOM, with or without a query.
static int greet(int fd, char *head, char *end) {
    static const char path[] = "GET /ws/", header[] = "\r\nSec-WebSocket-Key: ";
    char *key = strcasestr(head, header), *name = head + sizeof path - 1;
    size_t length = strcspn(name, " ?");
    if (strncmp(head, path, sizeof path - 1) || !length || length > LONGEST_NAME || !key || end - key < 45) return 0;
    uint8_t keyed[60], digest[20];
    char accept[29], answer[256];
    memcpy(keyed, key + sizeof header - 1, 24);
    memcpy(keyed + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    sha1(keyed, sizeof keyed, digest);
    base64(digest, accept);
    int answered = sprintf(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    send_to(fd, &(struct iovec){answer, answered}, 1);
    struct connection *connection = &connections[fd];
    connection->room = room_of(name, length);
    struct room *room = &rooms[connection->room];
    room->members = grown(room->members, &room->capacity, room->count + 1, sizeof *room->members);
    connection->place = room->count;
    room->members[room->count++] = fd;
    connection->open = 1;
    return 1;
}

// --- reading

static void say(int author, const uint8_t *text, size_t length) {
    uint32_t at = connections[author].room;
    struct room *room = &rooms[at];
    uint32_t needed = room->log_length + 4 + prefix_length + length, from = room->log_length;
    room->log = grown(room->log, &room->log_capacity, needed, 1);
    uint8_t *frame = room->log + from;
    size_t payload = prefix_length + length;
    *frame++ = 0x80 | TEXT;
    if (payload < 126) {
        *frame++ = payload;
    } else {
        *frame++ = 126, *frame++ = payload >> 8, *frame++ = payload;
    }
    memcpy(frame, prefix, prefix_length);
    memcpy(frame + prefix_length, text, length);
    room->log_length = frame + payload - room->log;
    room->said = grown(room->said, &room->said_capacity, room->said_count + 1, sizeof *room->said);
    room->said[room->said_count++] = (struct said){author, from, room->log_length - from};
    if (!batch) flush(room);
    else if (room->said_count == 1) spoken[spoken_count++] = at;
}

// Takes the whole frames from `at` to `end`; answers where it stopped, or NULL when the connection is over.
static uint8_t *take_frames(int fd, uint8_t *at, uint8_t *end) {
    while (end - at >= 6) {
        size_t length = at[1] & 127, head = 6;
        if (length == 127) return NULL;
        if (length == 126) length = at[2] << 8 | at[3], head = 8;
        if (length + prefix_length > LONGEST_TEXT) return NULL;
        if ((size_t)(end - at) < head + length) break;
        uint8_t *mask = at + head - 4, *text = at + head, kind = at[0] & 15;
        for (size_t i = 0; i < length; i++) text[i] ^= mask[i & 3];
        if (kind == CLOSE) return NULL;
        if (kind == TEXT) say(fd, text, length);
        at = text + length;
    }
    return at;
}

static void read_from(int fd) {
    struct connection *connection = &connections[fd];
    size_t carried = connection->carried_length;
    if (carried) memcpy(read_buffer, connection->carried, carried);
    ssize_t got = recv(fd, read_buffer + carried, READ_BUFFER - 1 - carried, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return hang_up(fd);
    free(connection->carried);
    connection->carried = NULL;
    connection->carried_length = 0;
    uint8_t *at = read_buffer, *end = read_buffer + carried + got;
    if (!connection->open) {
        *end = 0;
        char *head = (char *)read_buffer, *head_end = strstr(head, "\r\n\r\n");
        if (head_end) {
            if (!greet(fd, head, head_end)) return hang_up(fd);
            at = (uint8_t *)head_end + 4;
        }
    }
    if (connection->open) at = take_frames(fd, at, end);
    if (!at || end - at == READ_BUFFER - 1) return hang_up(fd);
    if (at == end) return;
    connection->carried_length = end - at;
    connection->carried = malloc(connection->carried_length);
    if (!connection->carried) abort();
    memcpy(connection->carried, at, connection->carried_length);
}

static void accept_all(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), yes = 1;
        if (fd < 0) return;
        if (fd >= MOST_FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("floor: cannot listen");
        exit(1);
    }
    return listener;
}

int main(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "usage: floor PORT [BATCH] [PREFIX]\n");
        return 2;
    }
    batch = count > 2 && atoi(arguments[2]);
    prefix_length = count > 3 ? atoi(arguments[3]) : 0;
    if (prefix_length > sizeof prefix) prefix_length = sizeof prefix;
    memset(prefix, '-', sizeof prefix);
    int listener = listen_on(atoi(arguments[1]));
    epoll = epoll_create1(0);
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        static struct epoll_event events[1024];
        int ready = epoll_wait(epoll, events, 1024, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT && connections[fd].unsent_length) send_rest(fd);
            if (events[i].events & ~EPOLLOUT) read_from(fd);
        }
        for (uint32_t i = 0; i < spoken_count; i++) flush(&rooms[spoken[i]]);
        spoken_count = 0;
    }
}
