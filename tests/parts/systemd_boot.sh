# Run by systemd.sh inside the new namespaces, with the folder that it has prepared: lays a copy of this system, of which
# only what changes is kept, in memory, makes it the root, and becomes systemd.
set -euo pipefail
work=$1
mount --make-rprivate /
mkdir "$work/root"
mount -t tmpfs tmpfs "$work/root"
cd "$work/root"
mkdir changed scratch whole
mount -t overlay overlay -o lowerdir=/,upperdir=changed,workdir=scratch whole
cd whole
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
mkdir dev/pts dev/shm run/lock mnt/out outside
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount --bind "$work/out" mnt/out
ip link set lo up

install "$work/bellwire" "$work/receiver.py" "$work/systemd_trial.sh" usr/local/bin/
cp -r "$work/units/." etc/systemd/system/
rm -rf etc/bellwire
cp -r "$work/etc" etc/bellwire
for unit in systemd-udevd systemd-udev-trigger systemd-modules-load systemd-sysctl systemd-timesyncd systemd-networkd \
    systemd-resolved systemd-remount-fs systemd-logind systemd-firstboot; do
    ln -sf /dev/null "etc/systemd/system/$unit.service"
done
pivot_root . outside
umount -l /outside
# Credentials are mounted by a helper of systemd's, from where they must reach process 1.
mount --make-rshared /
exec env -i container=trial PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=trial.target --show-status=0
