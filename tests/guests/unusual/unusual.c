/* SPDX-License-Identifier: MIT
 * Calls that few programs make, each through libc as it comes: an unmodified program. Prints what does not
 * depend on the machine, so that Linux and the image say the same.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void tell(const char *what, int good) {
    printf("%s %s\n", what, good ? "works" : strerror(errno));
}

static int list(void) {
    int count = 0;
    DIR *const root = opendir("/");
    while (root && readdir(root))
        count++;
    return root && !closedir(root) && count > 0;
}

int main(void) {
    const struct timespec soon = {0, 1000};
    struct timespec now = {0, 0};
    struct stat status;
    struct utsname name;
    struct tms spent;
    char bytes[16];
    struct iovec pieces[] = {{"written in ", 11}, {"two pieces\n", 11}};
    void *const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    tell("opendir, readdir", list());
    tell("stat", stat("/", &status) == 0 && S_ISDIR(status.st_mode));
    tell("a file that is not there", stat("/no such file", &status) == 0);
    tell("uname", uname(&name) == 0 && strcmp(name.machine, "x86_64") == 0);
    tell("nanosleep", nanosleep(&soon, NULL) == 0);
    tell("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &soon, NULL) == 0);
    tell("clock_gettime", clock_gettime(CLOCK_MONOTONIC, &now) == 0 && (now.tv_sec || now.tv_nsec));
    tell("getrandom", getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    tell("sysconf", sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_NPROCESSORS_ONLN) > 0);
    tell("sched_yield", sched_yield() == 0);
    tell("times", times(&spent) != (clock_t)-1);
    tell("mmap, munmap", page != MAP_FAILED && munmap(page, 4096) == 0);
    fflush(stdout);
    tell("writev", writev(1, pieces, 2) == 22);
    return 0;
}
