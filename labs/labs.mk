# The labs: see labs/README.md. In a hand-out: grade and handin.

grade:
	@labs/grade.sh
handin:
	@labs/handin.sh

# Lab 5: the same kernel, but that nobody who asks for a sync gets one.
$(B)/forgetful.elf: $(KOBJ) $(B)/labs/05-stale/forgetful.c.o kernel/kernel.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(KLDFLAGS) -Xlinker --wrap=iommu_sync $(filter %.o,$^) -o $@

ifneq ($(wildcard labs/tree.sh),)
lab: all
	@labs/lab.sh
grade-all:
	@JOBS=$(JOBS) labs/grade-all.sh
# The table of errors in labs/INSTRUCTOR.md.
lab-errors:
	@labs/errors.sh >$(B)/INSTRUCTOR.md && mv $(B)/INSTRUCTOR.md labs/INSTRUCTOR.md
# Proves the labs, or one.
lab-check: setup-test
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@JOBS=$(JOBS) labs/check.sh
else
lab:
	@test -n "$(FROM)" || { echo "make lab FROM=../lab3: say where your work of the lab before is"; exit 2; }
	@labs/carry.sh "$(FROM)"
endif
.PHONY: grade handin lab grade-all lab-check lab-errors

# Lab 9: the kernel that maps all of a VM for its devices.
ifneq ($(wildcard labs/09-assign/static.c),)
$(B)/static.elf: KLDFLAGS += -Xlinker --wrap=assign_device -Xlinker --wrap=grant_revoke
$(B)/static.elf: $(KOBJ) $(B)/labs/09-assign/static.c.o kernel/kernel.ld tools/ksyms.awk
	$(LINK)
-include $(B)/labs/09-assign/static.c.d
endif
