#!/bin/sh
# Puts a small root file system together: assemble.sh registry|python FOLDER
set -eu
kind=$1
out=$2

# copy PATH…: each file at its own place, with the libraries that it is linked to.
copy() {
  for file in "$@"; do
    cp --parents -L "$file" "$out"
    for library in $(ldd "$file" 2> /dev/null | grep -o '/[^ )]*'); do cp --parents -L "$library" "$out"; done
  done
}

mkdir -p "$out/usr/bin" "$out/usr/sbin" "$out/usr/lib" "$out/usr/lib64" "$out/etc/ssl/certs" "$out/tmp" "$out/root"
chmod 1777 "$out/tmp"
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$out/$folder"; done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' > "$out/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$out/etc/group"
echo 'hosts: files dns' > "$out/etc/nsswitch.conf"
cp /usr/bin/busybox "$out/usr/bin/busybox"
for applet in $(busybox --list); do
  if [ ! -e "$out/usr/bin/$applet" ]; then ln -s busybox "$out/usr/bin/$applet"; fi
done

case $kind in
  registry)
    copy /usr/bin/docker-registry
    mv "$out/usr/bin/docker-registry" "$out/usr/bin/registry"
    cp -L /etc/ssl/certs/ca-certificates.crt "$out/etc/ssl/certs/"
    ;;
  python)
    copy /usr/bin/python3.13
    ln -s python3.13 "$out/usr/bin/python3"
    cp -r --parents /usr/lib/python3.13 "$out"
    cd "$out/usr/lib/python3.13"
    # What a service never imports, and the extensions whose libraries are large.
    rm -rf test idlelib tkinter turtle* lib2to3 ensurepip venv pydoc_data _pyrepl config-* unittest __phello__ sqlite3 \
      curses dbm lib-dynload/_sqlite3* lib-dynload/_curses* lib-dynload/readline* lib-dynload/_dbm* lib-dynload/_gdbm* \
      lib-dynload/_codecs_* lib-dynload/_test* lib-dynload/*xxlimited*
    for extension in /usr/lib/python3.13/lib-dynload/*.so; do
      if [ -e "$out$extension" ]; then copy "$extension"; fi
    done
    find . -name __pycache__ -prune -exec rm -rf {} +
    # Compiled ahead, because a container starts from nothing each time.
    python3.13 -m compileall -q -d /usr/lib/python3.13 --invalidation-mode unchecked-hash .
    ;;
esac
