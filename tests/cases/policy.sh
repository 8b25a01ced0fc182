# shellcheck shell=sh
# Policy and quota: what the VMM denies does not happen, before the guest starts and while it runs.
. tests/lib.sh
disk=$OUT/policy.img
random_disk "$disk" 1
# shellcheck disable=SC2046
boot policy 'script="sh /tests/policy.sh"' $(root_disk) $(disk "$disk" 4) -device edu,addr=5,dma_mask=0xffffffff
ended "the host ends well"
expect "denied from the start: the driver gets no memory for its rings" "^== start" "^p\| .*denied by policy" "^p\| no disk"
expect "denied while it runs: the next map is refused" "^== run" "^q\| first ok" "^q\| .*denied by policy" "^q\| second failed"
expect "after the denial nothing is mapped or pinned" "^00:04.0 .* 0$" "^== quota"
expect "over quota is refused with its own status" "^== quota" "^r\| .*over quota" "^r\| no disk"
expect "so are calls beyond the rate, until a second has passed" "^== rate" "rate is a number of calls" "^status 1" \
	"^t .*permit, 100 calls/s" "^t\| .*over quota" "^t\| again ok"
expect "edu, denied, stays out of memory" "^== edu" "^s\| edu: map: denied by policy" "^s ended well"
finish
