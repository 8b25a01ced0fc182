# shellcheck shell=sh disable=all # for our shell, inside the machine
# Why the IOMMU is there. edu0 and its page a are the host's; each VM gets edu1 and that page's
# address. Guest g asks where its own page b is, guest h believes its own addresses.
edu map a both >/at
cat /at
edu fill a 0x11
vmctl create g -m 32 -s "sh /tests/story-b.sh; edu dma write $(cat /at)"
vmctl assign g 00:06.0 --unsafe
vmctl start g
vmctl wait g
vmctl destroy g
echo after g $(edu peek a)
edu fill a 0x11
vmctl create h -m 32 -a mode=direct -s "sh /tests/story-b.sh; edu dma write $(cat /at)"
vmctl assign h 00:06.0 --unsafe
vmctl start h
vmctl wait h
vmctl destroy h
echo after h $(edu peek a)
