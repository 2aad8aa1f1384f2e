// Checks a log, or proofs from one, with Go's own code for such logs (golang.org/x/mod/sumdb). See independent.py.
//
//	independent KEY FOLDER    the log in the folder: nothing is printed where all of it is right
//	independent < proofs      one proof a line, as JSON; prints whether each of them holds
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// files reads the tiles of a log. Go's paths name the height and call entries data, those of tlog-tiles do not.
type files string

func (f files) content(tile tlog.Tile) []byte {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	path = filepath.Join(string(f), "tile", strings.Replace(path, "data/", "entries/", 1))
	content, err := os.ReadFile(path)
	must(err)
	return content
}

func (f files) Height() int { return height }

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var contents [][]byte
	for _, tile := range tiles {
		contents = append(contents, f.content(tile))
	}
	return contents, nil
}

func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

// memory holds all hashes of a tree, made anew from its entries.
type memory []tlog.Hash

func (m *memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		hashes = append(hashes, (*m)[index])
	}
	return hashes, nil
}

type proof struct {
	Kind              string
	Size, Index, Old  int64
	Root, Leaf, Began tlog.Hash
	Hashes            []tlog.Hash
}

func (p proof) holds() bool {
	if p.Kind == "record" {
		return tlog.CheckRecord(p.Hashes, p.Size, p.Root, p.Index, p.Leaf) == nil
	}
	return tlog.CheckTree(p.Hashes, p.Size, p.Root, p.Old, p.Began) == nil
}

func main() {
	if len(os.Args) == 3 {
		check(os.Args[1], files(os.Args[2]))
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var p proof
		err := json.Unmarshal(lines.Bytes(), &p)
		fmt.Println(err == nil && p.holds())
	}
	must(lines.Err())
}

func check(key string, folder files) {
	tree := stated(key, folder)
	if tree.N == 0 {
		demand(tree.Hash == sha256.Sum256(nil), "the root of an empty log")
		return
	}
	made := new(memory)
	for _, tile := range tiles(tree.N, 0) {
		tile.L = -1
		for i, entry := range entries(folder.content(tile), tile) {
			hashes, err := tlog.StoredHashes(tile.N<<height+int64(i), entry, made)
			must(err)
			*made = append(*made, hashes...)
		}
	}
	root, err := tlog.TreeHash(tree.N, made)
	must(err)
	demand(root == tree.Hash, "the root over the entries")
	for level := 0; tree.N>>(height*level) > 0; level++ {
		for _, tile := range tiles(tree.N, level) {
			wanted, err := tlog.ReadTileData(tile, made)
			must(err)
			demand(bytes.Equal(folder.content(tile), wanted), tile.Path())
		}
	}
	prove(tree, tlog.TileHashReader(tree, folder), made)
}

// stated is what the signed checkpoint says.
func stated(key string, folder files) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	must(err)
	message, err := os.ReadFile(filepath.Join(string(folder), "checkpoint"))
	must(err)
	opened, err := note.Open(message, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	demand(len(lines) == 4 && lines[0] == verifier.Name() && lines[3] == "", "the checkpoint's lines")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

// tiles are those of one level: all whole ones and the last in its width.
func tiles(size int64, level int) []tlog.Tile {
	var found []tlog.Tile
	for count, n := size>>(height*level), int64(0); n<<height < count; n++ {
		width := count - n<<height
		if width > 1<<height {
			width = 1 << height
		}
		found = append(found, tlog.Tile{H: height, L: level, N: n, W: int(width)})
	}
	return found
}

func entries(bundle []byte, tile tlog.Tile) [][]byte {
	var found [][]byte
	for len(bundle) > 0 {
		demand(len(bundle) >= 2 && len(bundle) >= 2+int(binary.BigEndian.Uint16(bundle)), tile.Path())
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		found, bundle = append(found, bundle[2:end]), bundle[end:]
	}
	demand(len(found) == tile.W, tile.Path())
	return found
}

// prove makes proofs from the published tiles alone, and checks them against what the entries gave.
// By itself that is too little: for some sizes TileHashReader of x/mod 0.7 lets a changed tile pass.
func prove(tree tlog.Tree, published tlog.HashReader, made *memory) {
	for n := int64(0); n < tree.N; n += 1 + tree.N/300 {
		record, err := tlog.ProveRecord(tree.N, n, published)
		must(err)
		must(tlog.CheckRecord(record, tree.N, tree.Hash, n, (*made)[tlog.StoredHashIndex(0, n)]))
		grown, err := tlog.ProveTree(tree.N, n+1, published)
		must(err)
		before, err := tlog.TreeHash(n+1, made)
		must(err)
		must(tlog.CheckTree(grown, tree.N, tree.Hash, n+1, before))
	}
}

func demand(holds bool, what string) {
	if !holds {
		must(fmt.Errorf("not as it has to be: %s", what))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
