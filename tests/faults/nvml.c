/* A libnvidia-ml.so.1 with one card of 64 degrees, that hangs or fails when the file named in FAULT_NVML says so:
   an error of NVML by its number, or -1 for no answer at all. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int fault(void) {
    FILE *told = fopen(getenv("FAULT_NVML"), "r");
    int number = 0;
    if (told) {
        if (fscanf(told, "%d", &number) != 1) number = 0;
        fclose(told);
    }
    while (number < 0) sleep(1);
    return number;
}

int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned flags) { return (int)(flags & 0); }

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = 1;
    return fault();
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(long)(index + 1);
    return fault();
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *degrees) {
    *degrees = handle && !sensor ? 64 : 0;
    return fault();
}
