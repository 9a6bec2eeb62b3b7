/* Preloaded on a host: the n-th call of its agents that changes a file system kills its process, or fails, as /etc/strike says.
 *
 * Calls are counted over all threads and processes of one role, so that each of them can be struck: strace counts for each thread and
 * each name of a call. A call that is made without the C library is not seen; Python and SQLite make none. Of a run of writes to one
 * place only the first and one in the middle count: SQLite appends a transaction page by page, and only its sync makes it one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { NOBODY, SESSION, SUPERVISOR };
enum { CALLS = 8192, NAME = 12, MIDDLE = 4 };

/* The layout of /etc/strike; tests/faults/strike.py writes and reads it. */
struct strike {
    uint32_t role;   /* whose calls count */
    uint32_t left;   /* how many strikes are to come; none: nothing is counted */
    uint32_t count;  /* of calls since the last strike */
    uint32_t at[2];  /* the number of the call that is struck: the last strike's, and the one's before it. 0: none, only count */
    uint32_t struck; /* how many strikes there were */
    int32_t error;   /* what the call fails with; 0: its process is killed before it */
    uint32_t spare;
    char calls[CALLS][NAME]; /* the name of each call that was counted */
};

static int role;
static struct strike *plan;

__attribute__((constructor)) static void begin(int argc, char **argv) {
    if (argc < 4 || strcmp(argv[1], "-I") || strcmp(argv[2], "-S")) return;
    for (int i = 3; i < argc; i++) {
        if (!strcmp(argv[i], "supervise")) role = SUPERVISOR;
        if (!strcmp(argv[i], "serve")) role = SESSION;
    }
    if (!strcmp(argv[argc - 2], "-c")) role = SESSION; /* the program that brings the agent, and then becomes it */
}

static struct strike *read_plan(void) {
    static int (*real)(const char *, int, ...);
    if (!real) real = dlsym(RTLD_NEXT, "open");
    int file = real("/etc/strike", O_RDWR | O_CLOEXEC);
    if (file < 0) return NULL;
    void *at = mmap(NULL, sizeof(struct strike), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return at == MAP_FAILED ? NULL : at;
}

/* Whether it continues a run of writes of this thread, at a place that does not count. */
static int is_within_a_run(const char *name) {
    static __thread const char *before;
    static __thread int place;
    place = before == name ? place + 1 : 0;
    before = name;
    return !strncmp(name, "pwrite", 6) && place != 0 && place != MIDDLE;
}

/* The error of the call that comes now; 0 where it may be made. */
static int come(const char *name) {
    if (role == NOBODY || (!plan && !(plan = read_plan())) || (int)plan->role != role) return 0;
    uint32_t left = __atomic_load_n(&plan->left, __ATOMIC_SEQ_CST);
    if (left < 1 || left > 2 || is_within_a_run(name)) return 0;
    uint32_t number = __atomic_add_fetch(&plan->count, 1, __ATOMIC_SEQ_CST);
    if (number < CALLS) strncpy(plan->calls[number], name, NAME);
    if (number != plan->at[left - 1]) return 0;
    plan->struck++;
    plan->count = 0;
    __atomic_store_n(&plan->left, left - 1, __ATOMIC_SEQ_CST);
    if (plan->error) return plan->error;
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define CHANGES(name, parameters, arguments)                        \
    int name parameters {                                           \
        static int(*real) parameters;                               \
        if (!real) real = dlsym(RTLD_NEXT, #name);                  \
        int error = come(#name);                                    \
        if (!error) return real arguments;                          \
        errno = error;                                              \
        return -1;                                                  \
    }

#define WRITES(name, offset_type)                                                    \
    ssize_t name(int file, const void *from, size_t size, offset_type at) {          \
        static ssize_t (*real)(int, const void *, size_t, offset_type);              \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                   \
        int error = come(#name);                                                     \
        if (!error) return real(file, from, size, at);                               \
        errno = error;                                                               \
        return -1;                                                                   \
    }

#define CREATES(name, parameters, arguments)                 \
    int name parameters {                                    \
        static int(*real) parameters;                        \
        mode_t mode = 0;                                     \
        if (!real) real = dlsym(RTLD_NEXT, #name);           \
        if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {              \
            va_list more;                                    \
            va_start(more, flags);                           \
            mode = va_arg(more, mode_t);                     \
            va_end(more);                                    \
        }                                                    \
        int error = flags & O_CREAT ? come(#name) : 0;       \
        if (!error) return real arguments;                   \
        errno = error;                                       \
        return -1;                                           \
    }

CHANGES(rename, (const char *from, const char *to), (from, to))
CHANGES(renameat, (int above, const char *from, int beside, const char *to), (above, from, beside, to))
CHANGES(renameat2, (int above, const char *from, int beside, const char *to, unsigned how), (above, from, beside, to, how))
CHANGES(link, (const char *from, const char *to), (from, to))
CHANGES(linkat, (int above, const char *from, int beside, const char *to, int how), (above, from, beside, to, how))
CHANGES(symlink, (const char *to, const char *path), (to, path))
CHANGES(symlinkat, (const char *to, int above, const char *path), (to, above, path))
CHANGES(mkdir, (const char *path, mode_t mode), (path, mode))
CHANGES(mkdirat, (int above, const char *path, mode_t mode), (above, path, mode))
CHANGES(unlink, (const char *path), (path))
CHANGES(unlinkat, (int above, const char *path, int how), (above, path, how))
CHANGES(rmdir, (const char *path), (path))
CHANGES(fsync, (int file), (file))
CHANGES(fdatasync, (int file), (file))
CHANGES(ftruncate, (int file, off_t size), (file, size))
CHANGES(ftruncate64, (int file, off64_t size), (file, size))
CHANGES(chmod, (const char *path, mode_t mode), (path, mode))
CHANGES(fchmod, (int file, mode_t mode), (file, mode))
CHANGES(fchmodat, (int above, const char *path, mode_t mode, int how), (above, path, mode, how))
WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)
CREATES(open, (const char *path, int flags, ...), (path, flags, mode))
CREATES(open64, (const char *path, int flags, ...), (path, flags, mode))
CREATES(openat, (int above, const char *path, int flags, ...), (above, path, flags, mode))
CREATES(openat64, (int above, const char *path, int flags, ...), (above, path, flags, mode))
