# shellcheck shell=sh disable=all # for our shell, inside the machine
# A VM whose device first behaves, and then makes up an interrupt.
vmctl create b -s "edu fact 10; sh /tests/story-b.sh; edu dma write 0xfee00000; edu fact 10"
vmctl assign b 00:05.0
vmctl start b
vmctl wait b && echo b is done
