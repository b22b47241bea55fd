import type { Disk, OpenFile } from '../../src/log/disk.ts'

/** A disk on which some files do some things differently: `change` says which, and gets the path and the file as it is. */
export function diskWith(disk: Disk, change: (file: OpenFile, path: string) => Partial<OpenFile>): Disk {
  return {
    open(path, create) {
      const file = disk.open(path, create)
      return file === null ? null : { ...sameFile(file), ...change(file, path) }
    },
    list: (folder) => disk.list(folder),
    folderStamp: (folder) => disk.folderStamp(folder),
    stat: (path) => disk.stat(path),
    makeFolder: (folder) => disk.makeFolder(folder),
    remove: (path) => disk.remove(path),
    replace: (path, content) => disk.replace(path, content),
  }
}

/** An open file as an object of its own, since the methods of a class do not spread. */
function sameFile(file: OpenFile): OpenFile {
  const { size, ino, created } = file
  return {
    size,
    ino,
    created,
    read: (offset, length) => file.read(offset, length),
    append: (bytes) => file.append(bytes),
    sync: (...how) => file.sync(...how),
    truncate: (to) => file.truncate(to),
    close: () => file.close(),
  }
}
