/* Syncs that take 4 ms longer, as those of slower disks do:
 *
 *     cc -shared -fPIC -o /tmp/slow_sync.so slow_sync.c -ldl
 *     LD_PRELOAD=/tmp/slow_sync.so cargo bench -p crm-tests --bench workload -- --rows W1,W2,W3,W4
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

#define SLOWER_US 4000

typedef int (*sync_call)(int);

int fdatasync(int file) {
    usleep(SLOWER_US);
    return ((sync_call)dlsym(RTLD_NEXT, "fdatasync"))(file);
}

int fsync(int file) {
    usleep(SLOWER_US);
    return ((sync_call)dlsym(RTLD_NEXT, "fsync"))(file);
}
