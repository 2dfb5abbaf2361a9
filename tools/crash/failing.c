/* Calls that fail when they are told to: preloaded into a process by failing.py.

   A page of memory, shared with whoever gives the orders, says which call is to fail, from which time on, and
   below which folder. Calls on anything else pass. Short writes really write: half of what was asked for. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN, WRITE, PWRITE, FSYNC, RENAME, CLOSE, MKDIR, UNLINK, MMAP, STAT, READDIR, READ };
enum { SHORT = -1, KILL = -2 };

struct orders {
    int armed, call, error, nth, for_ever;
    int seen, failed;             /* answers: calls of that kind, and how many of them were made to fail */
    int memory_every, memory_seed; /* one allocation in so many fails */
    int allocations, refused;
    char below[512];
    char last[512]; /* the path of the last one that failed */
};

static struct orders *orders;
static int in_task; /* a child that was forked for a task: memory never fails its parent, which has to go on */

static void begin_task(void) { in_task = 1; }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAILING_ORDERS");
    if (path == NULL)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *page = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (page != MAP_FAILED)
        orders = page;
    pthread_atfork(NULL, NULL, begin_task);
}

/* -- the decision -- */

static int decide(const char *path) {
    size_t length = strlen(orders->below);
    if (strncmp(path, orders->below, length) != 0)
        return 0;
    int n = __atomic_add_fetch(&orders->seen, 1, __ATOMIC_SEQ_CST);
    if (n != orders->nth && !(orders->for_ever && n > orders->nth))
        return 0;
    __atomic_add_fetch(&orders->failed, 1, __ATOMIC_SEQ_CST);
    strncpy(orders->last, path, sizeof orders->last - 1);
    if (orders->error == KILL)
        syscall(SYS_kill, syscall(SYS_getpid), 9);
    return orders->error;
}

static int wanted(int call) { return orders != NULL && orders->armed && orders->call == call; }

static int of_fd(int call, int fd) {
    char link[64], path[1024];
    if (!wanted(call) || fd < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return decide(path);
}

static int of_path(int call, int folder, const char *path) {
    if (!wanted(call) || path == NULL)
        return 0;
    if (path[0] == '/')
        return decide(path);
    return folder == AT_FDCWD ? 0 : of_fd(call, folder);
}

static int refused(int error) {
    errno = error;
    return -1;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (real == NULL) \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define FAIL_IF(decision) \
    do { \
        int error_ = (decision); \
        if (error_ > 0) \
            return refused(error_); \
    } while (0)

/* -- opening -- */

static mode_t mode_of(int flags, va_list given) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(given, mode_t) : 0;
}

#define OPENING(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list given; \
        va_start(given, flags); \
        mode_t mode = mode_of(flags, given); \
        va_end(given); \
        FAIL_IF(of_path(OPEN, AT_FDCWD, path)); \
        return real(path, flags, mode); \
    }
OPENING(open)
OPENING(open64)

#define OPENING_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); \
        va_list given; \
        va_start(given, flags); \
        mode_t mode = mode_of(flags, given); \
        va_end(given); \
        FAIL_IF(of_path(OPEN, folder, path)); \
        return real(folder, path, flags, mode); \
    }
OPENING_AT(openat)
OPENING_AT(openat64)

DIR *opendir(const char *path) {
    REAL(opendir);
    int error = of_path(OPEN, AT_FDCWD, path);
    if (error > 0) {
        errno = error;
        return NULL;
    }
    return real(path);
}

/* -- reading and writing -- */

static size_t shorter(size_t count) { return count > 1 ? count / 2 : count; }

ssize_t write(int fd, const void *data, size_t count) {
    REAL(write);
    int error = of_fd(WRITE, fd);
    FAIL_IF(error);
    return real(fd, data, error == SHORT ? shorter(count) : count);
}

#define PWRITING(name) \
    ssize_t name(int fd, const void *data, size_t count, off_t at) { \
        REAL(name); \
        int error = of_fd(PWRITE, fd); \
        FAIL_IF(error); \
        return real(fd, data, error == SHORT ? shorter(count) : count, at); \
    }
PWRITING(pwrite)
PWRITING(pwrite64)

ssize_t read(int fd, void *data, size_t count) {
    REAL(read);
    FAIL_IF(of_fd(READ, fd));
    return real(fd, data, count);
}

#define PREADING(name) \
    ssize_t name(int fd, void *data, size_t count, off_t at) { \
        REAL(name); \
        FAIL_IF(of_fd(READ, fd)); \
        return real(fd, data, count, at); \
    }
PREADING(pread)
PREADING(pread64)

#define READING_FOLDER(name, type) \
    struct type *name(DIR *folder) { \
        REAL(name); \
        int error = of_fd(READDIR, dirfd(folder)); \
        if (error > 0) { \
            errno = error; \
            return NULL; \
        } \
        return real(folder); \
    }
READING_FOLDER(readdir, dirent)
READING_FOLDER(readdir64, dirent64)

/* -- the rest -- */

int fsync(int fd) {
    REAL(fsync);
    FAIL_IF(of_fd(FSYNC, fd));
    return real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    FAIL_IF(of_fd(FSYNC, fd));
    return real(fd);
}

int close(int fd) { /* it is closed, whatever it says: so Linux does it */
    REAL(close);
    int error = of_fd(CLOSE, fd);
    int result = real(fd);
    FAIL_IF(error);
    return result;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    FAIL_IF(of_path(RENAME, AT_FDCWD, to));
    return real(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(renameat);
    FAIL_IF(of_path(RENAME, to_folder, to));
    return real(from_folder, from, to_folder, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    FAIL_IF(of_path(MKDIR, AT_FDCWD, path));
    return real(path, mode);
}

int unlink(const char *path) {
    REAL(unlink);
    FAIL_IF(of_path(UNLINK, AT_FDCWD, path));
    return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    FAIL_IF(of_path(UNLINK, folder, path));
    return real(folder, path, flags);
}

int rmdir(const char *path) {
    REAL(rmdir);
    FAIL_IF(of_path(UNLINK, AT_FDCWD, path));
    return real(path);
}

#define MAPPING(name) \
    void *name(void *address, size_t length, int protection, int flags, int fd, off_t offset) { \
        REAL(name); \
        int error = of_fd(MMAP, fd); \
        if (error > 0) { \
            errno = error; \
            return MAP_FAILED; \
        } \
        return real(address, length, protection, flags, fd, offset); \
    }
MAPPING(mmap)
MAPPING(mmap64)

#define LOOKING(name, type) \
    int name(const char *path, struct type *found) { \
        REAL(name); \
        FAIL_IF(of_path(STAT, AT_FDCWD, path)); \
        return real(path, found); \
    }
LOOKING(stat, stat)
LOOKING(stat64, stat64)
LOOKING(lstat, stat)
LOOKING(lstat64, stat64)

#define LOOKING_FD(name, type) \
    int name(int fd, struct type *found) { \
        REAL(name); \
        FAIL_IF(of_fd(STAT, fd)); \
        return real(fd, found); \
    }
LOOKING_FD(fstat, stat)
LOOKING_FD(fstat64, stat64)

#define LOOKING_AT(name, type) \
    int name(int folder, const char *path, struct type *found, int flags) { \
        REAL(name); \
        FAIL_IF(of_path(STAT, folder, path)); \
        return real(folder, path, found, flags); \
    }
LOOKING_AT(fstatat, stat)
LOOKING_AT(fstatat64, stat64)

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *found) {
    REAL(statx);
    const char *volatile given = path; /* Rust asks with NULL whether the call is there at all */
    if (given != NULL)
        FAIL_IF(path[0] ? of_path(STAT, folder, path) : of_fd(STAT, folder));
    return real(folder, path, flags, mask, found);
}

/* -- memory -- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static int refuses_memory(void) {
    if (orders == NULL || !in_task || !orders->armed || orders->memory_every == 0)
        return 0;
    unsigned n = (unsigned)__atomic_add_fetch(&orders->allocations, 1, __ATOMIC_SEQ_CST);
    n = (n + (unsigned)orders->memory_seed * 2654435761u) * 2246822519u; /* spread evenly */
    n = (n ^ (n >> 15)) * 3266489917u;
    if ((n ^ (n >> 13)) % (unsigned)orders->memory_every != 0)
        return 0;
    __atomic_add_fetch(&orders->refused, 1, __ATOMIC_SEQ_CST);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return refuses_memory() ? NULL : __libc_malloc(size); }

void *calloc(size_t count, size_t size) { return refuses_memory() ? NULL : __libc_calloc(count, size); }

void *realloc(void *old, size_t size) { return refuses_memory() ? NULL : __libc_realloc(old, size); }
