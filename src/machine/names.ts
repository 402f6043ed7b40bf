/** Kinds of machine by Debian's names; apart from their facts, because the command line only needs to know their names. */
export const MACHINE_NAMES = [
  'amd64',
  'arm64',
  'armhf',
  'armel',
  'i386',
  'loong64',
  'macos-arm64',
  'mips',
  'mips64el',
  'mipsel',
  'ppc64',
  'ppc64le',
  'riscv64',
  's390x',
  'sparc64',
] as const;
export type MachineName = (typeof MACHINE_NAMES)[number];
