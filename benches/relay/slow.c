/* A slow disk: every flush of the process that this is loaded into takes 5 ms longer. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static int later(const char *name, int file)
{
    const struct timespec wait = {.tv_nsec = 5000000};
    nanosleep(&wait, NULL);
    int (*flush)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return flush(file);
}

int fsync(int file)
{
    return later("fsync", file);
}

int fdatasync(int file)
{
    return later("fdatasync", file);
}
