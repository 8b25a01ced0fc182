# Finds the compiler: TOOLPREFIX= by hand, LLVM=1 for clang, or the first that makes x86-64 ELF.
HOSTCC ?= cc
ifdef LLVM
CC := clang --target=x86_64-linux-gnu -fuse-ld=lld
NM := $(firstword $(shell command -v llvm-nm llvm-nm-14 nm 2>/dev/null))
AR := $(firstword $(shell command -v llvm-ar llvm-ar-14 ar 2>/dev/null))
STRIP := $(firstword $(shell command -v llvm-strip llvm-strip-14 strip 2>/dev/null))
else
ifndef TOOLPREFIX
TOOLPREFIX := $(shell for p in "" x86_64-linux-gnu- x86_64-elf-; do \
	case "$$($${p}gcc -dumpmachine 2>/dev/null)" in (x86_64*linux*|x86_64*elf*) echo "$$p"; exit;; esac; done)
endif
CC := $(TOOLPREFIX)gcc
NM := $(TOOLPREFIX)nm
AR := $(TOOLPREFIX)ar
STRIP := $(TOOLPREFIX)strip
endif
GRUB_MKRESCUE ?= $(firstword $(shell command -v grub-mkrescue grub2-mkrescue i686-elf-grub-mkrescue 2>/dev/null) grub-mkrescue)
QEMU ?= qemu-system-x86_64

# Remembers the compiler and its flags, so that others rebuild everything.
$(B)/.toolchain: FORCE
	@mkdir -p $(B); echo '$(CC) $(KCFLAGS)' | cmp -s - $@ || echo '$(CC) $(KCFLAGS)' >$@
FORCE:
