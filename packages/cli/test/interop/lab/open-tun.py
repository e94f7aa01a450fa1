"""Opens a TUN device with offloads and becomes the command that follows, which has it as descriptor 3.

usage: open-tun.py COMMAND [ARGUMENT...]
"""
import fcntl
import os
import struct
import sys

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
CSUM, TSO4, TSO6 = 0x01, 0x02, 0x04

tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"given%d", flags))
fcntl.ioctl(tun, TUNSETOFFLOAD, CSUM | TSO4 | TSO6)
if tun == 3:
    os.set_inheritable(3, True)
else:
    os.dup2(tun, 3)
os.execvp(sys.argv[1], sys.argv[1:])
