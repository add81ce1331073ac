# Sourced by the packaging of each engine. unpack DIRECTORY: lays its Debian packages out below $BOSH_INSTALL_TARGET.
# expose [NAME=]PROGRAM...: puts bin/NAME for each, which finds the libraries that came with it.
unpack() {
  local deb
  for deb in "$1"/*.deb; do dpkg-deb -x "$deb" "$BOSH_INSTALL_TARGET"; done
  rm -rf "$BOSH_INSTALL_TARGET"/usr/share/{doc,man,info,locale,lintian,bash-completion} "$BOSH_INSTALL_TARGET"/lib/systemd
  [ ! -d "$BOSH_INSTALL_TARGET/etc/init.d" ] || rm -rf "$BOSH_INSTALL_TARGET/etc/init.d"
}

expose() {
  local program name libraries
  libraries=$(cd "$BOSH_INSTALL_TARGET" && find . -name "*.so.*" -printf "%h\n" | sort -u | sed "s:^[.]:$BOSH_INSTALL_TARGET:" | paste -sd:)
  mkdir -p "$BOSH_INSTALL_TARGET/bin"
  for program in "$@"; do
    name=${program%%=*}
    name=${name##*/}
    program=${program#*=}
    [ -x "$BOSH_INSTALL_TARGET/$program" ] || { echo "no $program among the unpacked files" >&2; return 1; }
    {
      echo '#!/bin/sh'
      [ -z "$libraries" ] || echo "export LD_LIBRARY_PATH=$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
      [ -z "${environment:-}" ] || echo "export $environment"
      echo "exec $BOSH_INSTALL_TARGET/$program \"\$@\""
    } > "$BOSH_INSTALL_TARGET/bin/$name"
    chmod 0755 "$BOSH_INSTALL_TARGET/bin/$name"
  done
}
