/* Two TAP devices in, every frame of one out of the other a fixed time later, in both directions: a long line for kernels without sch_netem.
 *
 * delay NAMESPACE TAP TAP_HERE ONE_WAY_MICROSECONDS
 * The first device is made in the network namespace of that name, the second where we are. Says "ready", and ends with its stdin. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { HELD = 32768, LONGEST = 1600 };

struct frame {
    uint64_t due;
    ssize_t length;
    unsigned char bytes[LONGEST];
};

struct line {
    int from, to;
    struct frame *ring;
    unsigned first, next;
};

static uint64_t now(void) {
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (uint64_t)clock.tv_sec * 1000000000u + (uint64_t)clock.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int open_tap(const char *name) {
    struct ifreq wanted = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0) die("/dev/net/tun");
    strncpy(wanted.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(tap, TUNSETIFF, &wanted)) die(name);
    return tap;
}

/* Lets out what is due; answers when the next one is. */
static uint64_t deliver(struct line *line, uint64_t when) {
    while (line->first != line->next) {
        struct frame *frame = &line->ring[line->first % HELD];
        if (frame->due > when) return frame->due;
        if (write(line->to, frame->bytes, (size_t)frame->length) < 0) return when + 1000000; /* its queue is full: again in a millisecond */
        line->first++;
    }
    return UINT64_MAX;
}

static void collect(struct line *line, uint64_t delay) {
    while (line->next - line->first < HELD) {
        struct frame *frame = &line->ring[line->next % HELD];
        frame->length = read(line->from, frame->bytes, LONGEST);
        if (frame->length <= 0) return;
        frame->due = now() + delay;
        line->next++;
    }
}

int main(int argc, char **argv) {
    char path[256];
    if (argc != 5) return 2;
    snprintf(path, sizeof path, "/run/netns/%s", argv[1]);
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = open(path, O_RDONLY | O_CLOEXEC);
    if (here < 0 || there < 0 || setns(there, CLONE_NEWNET)) die(path);
    int far = open_tap(argv[2]);
    if (setns(here, CLONE_NEWNET)) die("setns");
    int near = open_tap(argv[3]);
    uint64_t delay = strtoull(argv[4], NULL, 10) * 1000;
    struct line lines[2] = {{.from = far, .to = near}, {.from = near, .to = far}};
    for (int i = 0; i < 2; i++)
        if (!(lines[i].ring = malloc(sizeof(struct frame) * HELD))) die("malloc");
    prctl(PR_SET_TIMERSLACK, 50000);
    prctl(PR_SET_PDEATHSIG, 9);
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint64_t when = now(), one = deliver(&lines[0], when), other = deliver(&lines[1], when);
        uint64_t next = one < other ? one : other, wait = next == UINT64_MAX ? 1000000000u : next > when ? next - when : 0;
        struct timespec limit = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
        struct pollfd ready[3] = {{far, POLLIN, 0}, {near, POLLIN, 0}, {0, POLLIN, 0}};
        if (ppoll(ready, 3, &limit, NULL) <= 0) continue;
        if (ready[2].revents) return 0;
        collect(&lines[0], delay);
        collect(&lines[1], delay);
    }
}
