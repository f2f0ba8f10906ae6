/* The peer of the offline translation of a volume: a walk over the mounted volume that reads
 * the descriptor of every file, exchanges mapped accounts for others of the same length, and
 * sets what has changed. It remembers nothing, as a program that knows files and not volumes.
 *
 *     acl_walk MOUNT MAP [SKIPPED-TOP-FOLDER]
 *
 * MAP is CSV with source_sid,target_sid in its first two columns; pairs whose lengths differ
 * are left out, which makes the peer's work less. Prints one line of JSON with its own count of
 * system calls. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define ACL "system.ntfs_acl"
#define PAIRS 4096

struct pair {
    unsigned char from[68], to[68];
    size_t length;
};
static struct pair pairs[PAIRS];
static size_t pair_count;
static unsigned long long calls, files, changed, failed;
static unsigned char room[1 << 16];
static char path[1 << 14];

/* Encodes the text of a SID; 0 if it is none. */
static size_t encode(const char *text, unsigned char *out) {
    unsigned long long authority;
    int used, subs = 0;
    if (sscanf(text, "S-1-%llu%n", &authority, &used) != 1)
        return 0;
    text += used;
    out[0] = 1;
    for (int at = 0; at < 6; at++)
        out[2 + at] = (unsigned char)(authority >> (8 * (5 - at)));
    unsigned long sub;
    while (subs < 15 && sscanf(text, "-%lu%n", &sub, &used) == 1) {
        uint32_t word = (uint32_t)sub;
        memcpy(out + 8 + 4 * subs++, &word, 4);
        text += used;
    }
    out[1] = (unsigned char)subs;
    return 8 + 4 * (size_t)subs;
}

static void read_map(const char *name) {
    char line[1024];
    FILE *file = fopen(name, "r");
    if (!file) {
        perror(name);
        exit(1);
    }
    while (fgets(line, sizeof line, file) && pair_count < PAIRS) {
        char *comma = strchr(line, ',');
        if (!comma)
            continue;
        *comma = 0;
        struct pair *pair = &pairs[pair_count];
        size_t from = encode(line, pair->from), to = encode(comma + 1, pair->to);
        if (from && from == to) {
            pair->length = from;
            pair_count++;
        }
    }
    fclose(file);
}

static int exchange_sid(unsigned char *sid, size_t left) {
    for (size_t at = 0; at < pair_count; at++)
        if (pairs[at].length <= left && !memcmp(sid, pairs[at].from, pairs[at].length)) {
            memcpy(sid, pairs[at].to, pairs[at].length);
            return 1;
        }
    return 0;
}

static uint32_t word_at(const unsigned char *at) {
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

/* Exchanges owner, group and the trustee of every plain entry of the access list. */
static int exchange(unsigned char *sd, size_t length) {
    int any = 0;
    for (int part = 4; part <= 8; part += 4) {
        uint32_t at = word_at(sd + part);
        if (at && at + 8 <= length)
            any |= exchange_sid(sd + at, length - at);
    }
    uint32_t acl = word_at(sd + 16);
    if (!acl || acl + 8 > length)
        return any;
    unsigned count = sd[acl + 4] | sd[acl + 5] << 8;
    size_t at = acl + 8;
    while (count-- && at + 16 <= length) {
        size_t size = sd[at + 2] | sd[at + 3] << 8;
        if (size < 16 || at + size > length)
            break;
        any |= exchange_sid(sd + at + 8, size - 8);
        at += size;
    }
    return any;
}

static void one(void) {
    calls++;
    files++;
    ssize_t length = lgetxattr(path, ACL, room, sizeof room);
    if (length < 20) {
        failed++;
        return;
    }
    if (exchange(room, (size_t)length)) {
        calls++;
        changed++;
        if (lsetxattr(path, ACL, room, (size_t)length, 0))
            failed++;
    }
}

static void walk(size_t length, const char *skipped) {
    one();
    calls++;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    char *block = malloc(1 << 16);
    for (;;) {
        calls++;
        long got = syscall(SYS_getdents64, fd, block, 1 << 16);
        if (got <= 0)
            break;
        for (long at = 0; at < got;) {
            struct dirent64 *entry = (struct dirent64 *)(block + at);
            at += entry->d_reclen;
            const char *name = entry->d_name;
            if (!strcmp(name, ".") || !strcmp(name, "..") || (skipped && !strcmp(name, skipped)))
                continue;
            size_t more = strlen(name);
            if (length + more + 2 > sizeof path)
                continue;
            path[length] = '/';
            memcpy(path + length + 1, name, more + 1);
            if (entry->d_type == DT_DIR)
                walk(length + 1 + more, NULL);
            else
                one();
            path[length] = 0;
        }
    }
    free(block);
    calls++;
    close(fd);
}

int main(int count, char **words) {
    if (count < 3)
        return 2;
    read_map(words[2]);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    snprintf(path, sizeof path, "%s", words[1]);
    walk(strlen(path), count > 3 ? words[3] : NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("{\"files\":%llu,\"changed\":%llu,\"failed\":%llu,\"calls\":%llu,\"pairs\":%zu,\"seconds\":%.6f}\n",
           files, changed, failed, calls, pair_count, seconds);
    return 0;
}
