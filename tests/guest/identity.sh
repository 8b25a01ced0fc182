# shellcheck shell=sh disable=all # for our shell, inside the machine
# Two buffers in one page: the halves c and d of edu's third page.
sh /tests/story-b.sh
edu fill d 0x55
edu map c from >/c
edu map d from >/d
echo c $(cat /c)
echo d $(cat /d)
edu unmap c
edu dma write $(cat /d)
echo still $(edu peek d)
edu unmap d
edu fill d 0x55
edu dma write $(cat /d)
echo gone $(edu peek d)
edu map c from >/c
edu fill d 0x66
edu map d to >/d
echo other $(cat /d)
edu dma read $(cat /d)
edu dma write $(cat /c)
echo read $(edu peek c)
