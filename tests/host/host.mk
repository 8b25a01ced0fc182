# Tests on the build machine, of the kernel's own files: `make host-test`, `make host-fuzz`.
# Variables: SEED=0x… FUZZ_SECONDS=n
B ?= build
HOSTCC ?= cc
FUZZCC ?= clang
FUZZ_SECONDS ?= 20

HOST_TESTS := pt_test iova_test pci_test dma_test parse_test fs_test fuzz_boot fuzz_elf fuzz_fs
HOST_FUZZ := $(filter fuzz_%,$(HOST_TESTS))
HOST_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Wno-unused-parameter -I. -MMD -MP \
	-Wno-incompatible-library-redeclaration -fno-strict-aliasing -fno-sanitize-recover=all -fsanitize=address,undefined
HOST_KERNEL := hal/pt hal/iova hal/acpi hal/vtd/dmar hal/amdvi/ivrs hal/amdvi/event kernel/bootinfo lib/elf lib/cmdline \
	lib/format lib/string
HOST_LIB := $(HOST_KERNEL) tests/host/harness tests/host/samples

# The kernel's versions of what libc has get names of their own.
HOST_RENAME := $(foreach f,memcpy memmove memset memcmp strlen strnlen strcmp strncmp strchr strrchr \
	vsnprintf snprintf strerror,-D$(f)=kernel_$(f))
$(foreach d,obj fuzz,$(B)/host/$(d)/lib/string.o $(B)/host/$(d)/lib/format.o): \
	HOST_DEFS := $(HOST_RENAME)

$(B)/host/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(HOSTCC) $(HOST_CFLAGS) $(HOST_DEFS) -c $< -o $@

$(B)/host/fuzz/%.o: %.c
	@mkdir -p $(@D)
	@$(FUZZCC) $(HOST_CFLAGS) -fsanitize=fuzzer-no-link $(HOST_DEFS) -c $< -o $@

# The file system's tests have an image that mkfs has made in them.
$(B)/host/mkfs $(B)/host/fsck: $(B)/host/%: tools/%.c lib/fsformat.h lib/abi.h
	@mkdir -p $(@D)
	@$(HOSTCC) -std=c11 -I. $< -o $@

$(B)/host/fs.img: $(B)/host/mkfs
	@$< $@ 1 /small=Makefile /dir/a=tests/host/host.mk /dir/empty/

$(B)/host/obj/tests/host/fs_test.o $(foreach d,obj fuzz,$(B)/host/$(d)/tests/host/fs_world.o): HOST_DEFS := -DMKFS='"$(B)/host/mkfs"' -DFSCK='"$(B)/host/fsck"' -DFS_IMAGE='"$(B)/host/fs.img"' -fno-builtin
$(foreach d,obj fuzz,$(B)/host/$(d)/tests/host/fs_world.o): $(B)/host/fs.img
$(B)/host/fs_test $(B)/host/fuzz_fs: $(B)/host/obj/tests/host/fs_world.o
$(B)/host/fs_test: | $(B)/host/fsck
$(B)/host/fuzz/fuzz_fs: $(B)/host/fuzz/tests/host/fs_world.o

$(HOST_TESTS:%=$(B)/host/%): $(B)/host/%: $(B)/host/obj/tests/host/%.o $(HOST_LIB:%=$(B)/host/obj/%.o)
	@$(HOSTCC) -fsanitize=address,undefined $(HOST_LDFLAGS) $^ -o $@
$(B)/host/pci_test: $(B)/host/obj/drivers/pci.o
$(B)/host/dma_test: $(B)/host/obj/hal/dma.o
# What else it calls is never called.
$(B)/host/dma_test: HOST_LDFLAGS := -no-pie -Wl,--unresolved-symbols=ignore-all
$(HOST_FUZZ:%=$(B)/host/%): $(B)/host/obj/tests/host/replay.o

$(HOST_FUZZ:%=$(B)/host/fuzz/%): %: $(HOST_LIB:%=$(B)/host/fuzz/%.o)
$(HOST_FUZZ:%=$(B)/host/fuzz/%): $(B)/host/fuzz/%: $(B)/host/fuzz/tests/host/%.o
	@$(FUZZCC) -fsanitize=fuzzer,address,undefined $^ -o $@

host-test: $(HOST_TESTS:%=$(B)/host/%)
	@bad=; for t in $^; do echo "# $${t##*/}"; $$t || bad=1; done; test -z "$$bad"

# Does the compiler have libFuzzer? Asked only when fuzzing.
host-fuzz: $(HOST_FUZZ:%=$(B)/host/%)
	@mkdir -p $(B)/host/fuzz
	@if echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		$(FUZZCC) -w -x c -fsanitize=fuzzer,address - -o $(B)/host/fuzz/probe 2>/dev/null; \
	then $(MAKE) --no-print-directory $(if $(filter tests/host/host.mk,$(firstword \
		$(MAKEFILE_LIST))),-f tests/host/host.mk) B=$(B) $(HOST_FUZZ:%=host-run-%); \
	else echo "# host-fuzz skipped: $(FUZZCC) has no libFuzzer"; fi

$(HOST_FUZZ:%=host-run-%): host-run-%: $(B)/host/fuzz/% $(B)/host/%
	@mkdir -p $(B)/host/corpus/$* && $(B)/host/$* $(B)/host/corpus/$*
	@echo "# $* for $(FUZZ_SECONDS) s"; $< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 \
		-artifact_prefix=$(B)/host/$*- $(B)/host/corpus/$* >$(B)/host/$*.log 2>&1 && \
		echo "ok 1 - $*" || { tail -n 40 $(B)/host/$*.log; echo "not ok 1 - $*"; false; }

-include $(wildcard $(B)/host/obj/*/*.d $(B)/host/obj/*/*/*.d $(B)/host/fuzz/*/*.d \
	$(B)/host/fuzz/*/*/*.d)
.PHONY: host-test host-fuzz $(HOST_FUZZ:%=host-run-%)
