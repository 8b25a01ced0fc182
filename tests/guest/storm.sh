# shellcheck shell=sh disable=all # for our shell, inside the machine
# edu aims at nothing until it can no more: a DMA without bus mastering never ends.
edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 && edu dma write 0x7f000000 || echo edu is cut off
