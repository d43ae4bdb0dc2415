# The two base images of the Dockerfile, made from Debian's packages and this machine's own Rust where no registry can
# be asked. Sourced after common.sh. The second is what distroless's cc image is: the C library and what it needs, the
# roots of the web, and no shell.

# Everything that buildah keeps is below $work and gone with it.
buildah_here() { buildah --root "$work/storage" --runroot "$work/storage.run" --storage-driver vfs "$@"; }

# What is in distroless's cc image for Debian 12.
run_packages="base-files ca-certificates libc6 libgcc-s1 libgomp1 libssl3 libstdc++6 netbase tzdata"

commit_root() { # commit_root FOLDER IMAGE [OPTION OF buildah config...]
    local folder=$1 image=$2 container root; shift 2
    container=$(buildah_here from scratch)
    root=$(buildah_here mount "$container")
    cp -a "$folder/." "$root"
    rm -rf "$folder"
    buildah_here unmount "$container" >/dev/null
    [ $# = 0 ] || buildah_here config "$@" "$container"
    buildah_here commit -q --rm "$container" "$image" >/dev/null
}

make_base_images() { # makes localhost/base-build and localhost/base-run; fails where Debian cannot be had
    local build=$work/base-build run=$work/base-run sysroot host
    sysroot=$(rustc --print sysroot)
    host=$(rustc -vV | sed -n 's/^host: //p')
    debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev bookworm "$build" >"$work/debootstrap.log" 2>&1 \
        || { tail -n 5 "$work/debootstrap.log"; return 1; }
    cp /etc/resolv.conf "$build/etc/resolv.conf"
    chroot "$build" sh -c "cd /run && apt-get -o APT::Sandbox::User=root download $run_packages" >"$work/download.log" 2>&1 \
        || { tail -n 5 "$work/download.log"; return 1; }

    mkdir -p "$run"/{home/nonroot,proc,dev,sys}
    # No program of theirs runs here: a package is its files.
    for package in "$build"/run/*.deb; do dpkg-deb -x "$package" "$run"; done
    rm -rf "$build"/{run,var/cache/apt/archives}/*.deb "$run"/usr/share/{doc,man,lintian}
    echo "root:x:0:0:root:/root:/sbin/nologin" >"$run/etc/passwd"
    echo "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin" >>"$run/etc/passwd"
    echo "nonroot:x:65532:" >"$run/etc/group"
    chown 65532:65532 "$run/home/nonroot"
    # The roots as one file, which its package's own program would make. The machine's own, since it may stand behind
    # somebody who opens connections, whom only it knows; so may the build.
    cp -L /etc/ssl/certs/ca-certificates.crt "$run/etc/ssl/certs/ca-certificates.crt"
    cp -L /etc/ssl/certs/ca-certificates.crt "$build/etc/ssl/certs/ca-certificates.crt"

    mkdir -p "$build/opt/rust/bin" "$build/opt/rust/lib/rustlib"
    cp -a "$sysroot"/bin/{cargo,rustc} "$build/opt/rust/bin"
    cp -a "$sysroot"/lib/*.so* "$build/opt/rust/lib"
    cp -a "$sysroot/lib/rustlib/$host" "$build/opt/rust/lib/rustlib"

    commit_root "$build" localhost/base-build \
        --env PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    commit_root "$run" localhost/base-run --user 65532:65532 \
        --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt --workingdir /home/nonroot
}
