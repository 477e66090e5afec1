#include "loop/switch.h"

#include "base/compiler.h"

#include <stdint.h>

#ifdef SWITCH_UCONTEXT

/* makecontext passes ints: a pointer travels as two halves. */
static void trampoline(unsigned entry_hi, unsigned entry_lo, unsigned arg_hi, unsigned arg_lo)
{
	switch_entry_fn *entry = (switch_entry_fn *)(uintptr_t)((uint64_t)entry_hi << 32 | entry_lo);
	entry((void *)(uintptr_t)((uint64_t)arg_hi << 32 | arg_lo));
}

void switch_prepare(struct switch_ctx *c, void *stack, size_t size, switch_entry_fn *entry, void *arg)
{
	uint64_t e = (uintptr_t)entry, a = (uintptr_t)arg;
	getcontext(&c->uc);
	c->uc.uc_stack.ss_sp = stack;
	c->uc.uc_stack.ss_size = size;
	c->uc.uc_link = NULL;
	makecontext(&c->uc, (void (*)(void))trampoline, 4, (unsigned)(e >> 32), (unsigned)e, (unsigned)(a >> 32),
		    (unsigned)a);
}

void switch_to(struct switch_ctx *from, struct switch_ctx *to)
{
	swapcontext(&from->uc, &to->uc);
}

#else

/* In switch asm below: pushes the callee-saved registers, exchanges stack pointers, pops. */
void switch_stacks(void **save_sp, void *load_sp) __asm__("thanos_switch_stacks");
void switch_start(void) __asm__("thanos_switch_start");

#if defined(__x86_64__)
__asm__(".text\n"
	".globl thanos_switch_stacks\n"
	".type thanos_switch_stacks,@function\n"
	"thanos_switch_stacks:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size thanos_switch_stacks,.-thanos_switch_stacks\n"
	".globl thanos_switch_start\n"
	".type thanos_switch_start,@function\n"
	"thanos_switch_start:\n" /* entry in r12, its argument in r13 */
	"	movq %r13, %rdi\n"
	"	xorl %ebp, %ebp\n" /* ends the chain of frames for debuggers */
	"	callq *%r12\n"
	"	ud2\n"
	".size thanos_switch_start,.-thanos_switch_start\n");

/* The frame that switch_stacks pops, lowest address first. */
struct first_frame {
	void *r15, *r14, *r13, *r12, *rbx, *rbp;
	void *ret;
	void *pad[2]; /* the stack is 16-byte aligned at the call in switch_start */
};

static void fill_frame(struct first_frame *f, switch_entry_fn *entry, void *arg)
{
	*f = (struct first_frame){ .r12 = (void *)entry, .r13 = arg, .ret = (void *)switch_start };
}
#else
__asm__(".text\n"
	".globl thanos_switch_stacks\n"
	".type thanos_switch_stacks,%function\n"
	"thanos_switch_stacks:\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	ret\n"
	".size thanos_switch_stacks,.-thanos_switch_stacks\n"
	".globl thanos_switch_start\n"
	".type thanos_switch_start,%function\n"
	"thanos_switch_start:\n" /* entry in x19, its argument in x20 */
	"	mov x0, x20\n"
	"	mov x29, xzr\n"
	"	blr x19\n"
	"	brk #1\n"
	".size thanos_switch_start,.-thanos_switch_start\n");

struct first_frame {
	void *x19, *x20, *x21_to_x29[9];
	void *x30;
	double d8_to_d15[8];
};

static void fill_frame(struct first_frame *f, switch_entry_fn *entry, void *arg)
{
	*f = (struct first_frame){ .x19 = (void *)entry, .x20 = arg, .x30 = (void *)switch_start };
}
#endif

void switch_prepare(struct switch_ctx *c, void *stack, size_t size, switch_entry_fn *entry, void *arg)
{
	uintptr_t top = ((uintptr_t)stack + size) & ~(uintptr_t)15;
	struct first_frame *f = (struct first_frame *)(top - sizeof(struct first_frame));
	fill_frame(f, entry, arg);
	c->sp = f;
}

void switch_to(struct switch_ctx *from, struct switch_ctx *to)
{
	switch_stacks(&from->sp, to->sp);
}

#endif
