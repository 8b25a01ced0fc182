/* The fixed-size types and the few macros that every file of the system uses. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

/* A physical address as this kernel sees it: an HPA on the machine, a GPA inside a VM. */
typedef u64 paddr_t;

/* A piece of a scatter-gather list: in the direct map, so physically contiguous. */
struct sg {
	void *va;
	size_t len; /* bytes */
};

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

#define NELEM(a)                      (sizeof(a) / sizeof((a)[0]))
#define ROUND_UP(x, a)                (((x) + ((a)-1)) & ~((typeof(x))(a)-1))
#define ROUND_DOWN(x, a)              ((x) & ~((typeof(x))(a)-1))
#define DIV_UP(x, a)                  (((x) + (a)-1) / (a))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define BIT(n)                        (1UL << (n))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#define READ_ONCE(x)     (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

#define PACKED       __attribute__((packed))
#define NORETURN     __attribute__((noreturn))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK   __attribute__((warn_unused_result))
#define NOINLINE     __attribute__((noinline)) /* what is rare costs the rest no registers */
#define RARE         __attribute__((noinline, cold))
#define UNLIKELY(e)  __builtin_expect(!!(e), 0) /* the code for it lies out of the way */
