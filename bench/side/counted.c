/* The `ssh` of every contestant: the real one, counted in control groups of its own and told which configuration to read.
 *
 * Beside this program lie the links `groups/1` and `groups/2` (files that take a pid), `config` (an ssh_config) and `real` (the program). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char own[4000], path[4096], config[4096], pid[16];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    char **words = calloc((size_t)argc + 3, sizeof *words);
    if (length < 0 || !words) return 255;
    own[length] = 0;
    *strrchr(own, '/') = 0;
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    for (int number = 1; number <= 2; number++) {
        snprintf(path, sizeof path, "%s/groups/%d", own, number);
        int door = open(path, O_WRONLY | O_CLOEXEC);
        if (door < 0 || write(door, pid, strlen(pid)) < 0) perror(path);
    }
    snprintf(config, sizeof config, "%s/config", own);
    words[0] = argv[0];
    words[1] = "-F";
    words[2] = config;
    for (int i = 1; i < argc; i++) words[i + 2] = argv[i];
    snprintf(path, sizeof path, "%s/real", own);
    execv(path, words);
    perror(path);
    return 255;
}
