package process_test

import (
	"os"
	"testing"

	"resnet-autoscaling/internal/process"

	"golang.org/x/sys/unix"
)

func TestForeignMemoryIsWhatGoDoesNotKnowOf(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip(err)
	}
	const size, noise = 256 << 20, 64 << 20
	foreign := func() int64 {
		n, err := process.ForeignMemory()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := foreign()
	theirs, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(theirs)
	for i := 0; i < size; i += os.Getpagesize() {
		theirs[i] = 1
	}
	if grown := foreign() - before; grown < size-noise || grown > size+noise {
		t.Errorf("%d MiB that Go does not know of are taken for %d", size>>20, grown>>20)
	}
}
