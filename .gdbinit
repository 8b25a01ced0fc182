# Looks into a running or stopped kernel from gdb: `make qemu-gdb` says how to start. All commands
# read the kernel's own structures. A CPU that is inside a VM shows the guest's memory, not the
# host's: `thread N` chooses another CPU. A thread that sleeps may wake on another CPU, where `next`
# does not wait for it: CPUS=1 helps.
set confirm off
set pagination off
set print pretty on
set $direct = 0xffff800000000000
set $pt_addr = 0x000ffffffffff000

# $walk_fmt, _root (physical), _levels, _in: prints each level's entry. Leaves in $walk_ok whether
# something is mapped there, and in $walk_out to what.
define walk
	set $walk_ok = 1
	set $walk_level = $walk_levels - 1
	set $walk_at = $walk_root
	while $walk_ok == 1
		set $i = ($walk_in >> (12 + 9 * $walk_level)) & 511
		set $e = ((unsigned long *)($walk_at + $direct))[$i]
		printf "level %d  %#12lx[%3d] = 0x%016lx  ", $walk_level, $walk_at, $i, $e
		set $size = 1UL << (12 + 9 * $walk_level)
		if $walk_level == 0
			set $leaf = 1
		else
			set $leaf = ($e & $walk_fmt->which) == $walk_fmt->large
		end
		if !($e & $walk_fmt->valid)
			printf "empty\n"
			set $walk_ok = 0
		else
			if $leaf
				set $walk_out = ($e & $pt_addr & ~($size - 1)) | ($walk_in & ($size - 1))
				printf "page of %lu KiB", $size >> 10
				walk_perm
				set $walk_ok = 2
			else
				set $walk_at = $e & $pt_addr
				set $walk_level = $walk_level - 1
				printf "table\n"
			end
		end
	end
end
document walk
Used by pt, npt and iopt.
end

# The permissions of leaf $e, by the format's table; where it has no bit for R, every leaf has it.
define walk_perm
	set $perm = PT_R
	set $k = 0
	while $k < sizeof($walk_fmt->bits) / sizeof($walk_fmt->bits[0])
		set $b = $walk_fmt->bits[$k]
		if $b.perm
			set $perm = $perm & ~$b.perm
			if ($b.set && ($e & $b.set) == $b.set) || (!$b.set && !($e & $b.clear))
				set $perm = $perm | $b.perm
			end
		end
		set $k = $k + 1
	end
	printf ", %c%c%c%c", $perm & PT_R ? 'r' : '-', $perm & PT_W ? 'w' : '-', $perm & PT_X ? 'x' : '-', $perm & PT_USER ? 'u' : '-'
	printf "%c%c%c\n", $perm & PT_UNCACHED ? 'n' : '-', $perm & PT_GLOBAL ? 'g' : '-', $perm & PT_COW ? 'c' : '-'
end
document walk_perm
Used by walk.
end

define pt
	set $walk_fmt = &pt_fmt_cpu
	set $walk_root = (unsigned long)$cr3 & $pt_addr
	set $walk_levels = 4
	set $walk_in = (unsigned long)($arg0)
	if ($walk_in >> 47) != 0 && ($walk_in >> 47) != 0x1ffff
		printf "VA %#lx is not canonical\n", $walk_in
	else
		walk
		if $walk_ok
			printf "VA %#lx -> physical %#lx\n", $walk_in, $walk_out
		end
	end
end
document pt
pt VA: walks this CPU's page table (CR3), shows each level and the physical address.
Permissions: read, write, execute, user, not cached, global, copied on write.
end

# Leaves in $vm the VM that is called $arg0, or has that number; else 0.
define find_vm
	set $want = "$arg0"
	set $vm = (struct vm *)0
	set $l = 'vmm/control.c'::vms.next
	while $l != &'vmm/control.c'::vms
		set $v = (struct vm *)((char *)$l - (unsigned long)&((struct vm *)0)->link)
		set $k = 0
		while $k < sizeof($want) - 1 && $v->name[$k] == $want[$k]
			set $k = $k + 1
		end
		if $v->name[$k] == $want[$k]
			set $vm = $v
		end
		if $k == 0 && sizeof($want) == 2 && $v->id == $want[0] - '0'
			set $vm = $v
		end
		set $l = $l->next
	end
end
document find_vm
Used by npt.
end

define npt
	find_vm $arg0
	if !$vm
		printf "$arg0: no such VM\n"
	else
		set $walk_fmt = $vm->npt.fmt
		set $walk_root = $vm->npt.root_pa
		set $walk_levels = $vm->npt.levels
		set $walk_in = (unsigned long)($arg1)
		printf "VM %d, %s\n", $vm->id, $vm->name
		walk
		if $walk_ok
			printf "GPA %#lx -> HPA %#lx\n", $walk_in, $walk_out
		end
	end
end
document npt
npt VM GPA: walks the nested table of a VM, given by its name or its number (up to 9).
end

# Leaves in $rid the requester id that the text $arg0, like 00:05.0, says.
define parse_rid
	set $text = "$arg0"
	set $part = 0
	set $rid = 0
	set $k = 0
	while $k < sizeof($text) - 1
		set $c = $text[$k]
		if $c == ':'
			set $rid = $part << 8
			set $part = 0
		else
			if $c == '.'
				set $rid = $rid | ($part << 3)
				set $part = 0
			else
				set $part = ($part << 4) | ($c <= '9' ? $c - '0' : ($c | 32) - 'a' + 10)
			end
		end
		set $k = $k + 1
	end
	set $rid = $rid | $part
end
document parse_rid
Used by iopt.
end

define iopt
	parse_rid $arg0
	set $dom = (struct domain *)0
	set $l = 'hal/iommu.c'::domains.next
	while $l != &'hal/iommu.c'::domains
		set $d = (struct domain *)((char *)$l - (unsigned long)&((struct domain *)0)->link)
		if $d->attached && $d->rid == $rid
			set $dom = $d
		end
		set $l = $l->next
	end
	if !$dom
		printf "$arg0: attached to no domain\n"
	else
		printf "domain %d, driver %s\n", $dom->id, $dom->ops->name
		if !$dom->pt.root
			printf "its table is the VMM's\n"
		else
			set $walk_fmt = $dom->pt.fmt
			set $walk_root = $dom->pt.root_pa
			set $walk_levels = $dom->pt.levels
			set $walk_in = (unsigned long)($arg1)
			walk
			if $walk_ok
				printf "IOVA %#lx -> physical %#lx\n", $walk_in, $walk_out
			end
		end
	end
end
document iopt
iopt BUS:DEV.FN IOVA: walks the IOMMU's table of the domain a device is attached to (iopt 00:05.0 0x100000).
end

# The callers of sleeping process $p, from what switch_context() saved: six registers, then RIP.
define ps_callers
	set $frame_at = ((unsigned long *)$p->rsp)[5]
	set $caller = ((unsigned long *)$p->rsp)[6]
	while $caller >= 0xffffffff80000000
		info line *($caller - 1)
		if $frame_at < $direct
			set $caller = 0
		else
			set $caller = ((unsigned long *)$frame_at)[1]
			set $frame_at = ((unsigned long *)$frame_at)[0]
		end
	end
end
document ps_callers
Used by ps.
end

define ps
	if $argc == 0
		printf "  PID STATE          NAME             SLEEPS ON\n"
	end
	set $l = 'kernel/proc.c'::all.next
	while $l != &'kernel/proc.c'::all
		set $p = (struct proc *)((char *)$l - (unsigned long)&((struct proc *)0)->all)
		set $l = $l->next
		if $argc == 0
			printf "%5d ", $p->pid
			output $p->state
			printf "\t%-16s ", $p->name
			if $p->state == PROC_SLEEPING
				output/a $p->chan
			end
			printf "\n"
		else
			if $p->pid == $arg0
				if $p->state != PROC_RUNNING
					ps_callers
				end
				set $k = 0
				while $k < ncpus
					if cpus[$k].proc == $p
						printf "runs on CPU %d: thread %d, then bt\n", $k, $k + 1
					end
					set $k = $k + 1
				end
			end
		end
	end
end
document ps
ps: every process, its state and what it sleeps on. ps PID: where in the kernel it sleeps.
end

define dmesg
	set $size = sizeof('kernel/console.c'::log_ring)
	set $end = 'kernel/console.c'::log_end
	if $end > $size
		set $part = 'kernel/console.c'::log_ring[$end % $size]@($size - $end % $size)
		printf "%s", $part
	end
	if $end % $size
		set $part = 'kernel/console.c'::log_ring[0]@($end % $size)
		printf "%s", $part
	end
end
document dmesg
dmesg: the kernel's log.
end
