/* LD_PRELOAD: a disk that fails and a clock that jumps, when the files named in the environment say so.
   FAULT_WRITE: a file whose content is an errno; every write to a regular file below FAULT_BELOW then fails with it.
   FAULT_CLOCK: a file whose content is a number of seconds; the clock of the day is so far off. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long number_in(const char *variable) {
    const char *path = getenv(variable);
    if (!path) return 0;
    int handle = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
    if (handle < 0) return 0;
    char text[32] = {0};
    long got = syscall(SYS_read, handle, text, sizeof text - 1);
    syscall(SYS_close, handle);
    return got > 0 ? atol(text) : 0;
}

static int is_below(int handle) {
    const char *below = getenv("FAULT_BELOW");
    char link[64], path[4096];
    if (!below) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    long length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strncmp(path, below, strlen(below)) == 0;
}

ssize_t write(int handle, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    long fault = number_in("FAULT_WRITE");
    if (fault && is_below(handle)) {
        errno = (int)fault;
        return -1;
    }
    return real(handle, bytes, count);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(which, now);
    if (which == CLOCK_REALTIME && !result) now->tv_sec += number_in("FAULT_CLOCK");
    return result;
}
