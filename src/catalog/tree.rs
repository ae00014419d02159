//! The components of all untagged names as a tree: what a glob walks.
//!
//! Nodes are 16 bytes in one table and know their parent, their component, the series that ends
//! there and their list of children. A second table finds a child by (parent, component), so a
//! literal step costs the same in a branch of ten and of a million. A name may be leaf and branch
//! at once. Full names are not stored: they are put together from the parents.
//!
//! Insertion remembers the path of the name before, since agents send their names in runs.

use hashbrown::HashTable;

use super::children::Children;
use super::chunked::Chunked;
use super::components::{Component, Components};

/// The number of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(pub(super) u32);

impl NodeId {
    /// The node above all names; it has no component.
    pub(super) const ROOT: NodeId = NodeId(0);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// Stands for 'no series' and 'no children'.
const NONE: u32 = u32::MAX;
/// Node numbers stay below this: the catalog uses the bit above for something else.
const NODES_MAX: usize = 1 << 31;

#[derive(Clone, Copy)]
struct Node {
    parent: NodeId,
    component: Component,
    series: u32,
    children: u32,
}

/// The tree.
pub(super) struct Tree {
    components: Components,
    nodes: Chunked<Node>,
    free_nodes: Vec<NodeId>,
    lists: Vec<Children>,
    free_lists: Vec<u32>,
    by_component: HashTable<NodeId>,
    last: LastPath,
}

/// The name inserted last: each of its nodes with where it ends in the name.
#[derive(Default)]
struct LastPath {
    name: String,
    nodes: Vec<(NodeId, usize)>,
}

impl Tree {
    /// A tree without names.
    pub(super) fn new() -> Self {
        let mut components = Components::default();
        let root = Node {
            parent: NodeId::ROOT,
            component: components.intern(""),
            series: NONE,
            children: NONE,
        };
        let mut nodes = Chunked::default();
        nodes.push(root);
        Self {
            components,
            nodes,
            free_nodes: Vec::new(),
            lists: Vec::new(),
            free_lists: Vec::new(),
            by_component: HashTable::new(),
            last: LastPath::default(),
        }
    }

    /// True when a name surely fits.
    pub(super) fn has_room(&self, name: &str) -> bool {
        let count = name.bytes().filter(|&byte| byte == b'.').count() + 1;
        self.nodes.len() + count < NODES_MAX && self.components.has_room(name.len(), count)
    }

    /// Gives a name its series and answers which it had. [`Tree::has_room`] has said yes.
    pub(super) fn insert(&mut self, name: &str, series: u32) -> (NodeId, Option<u32>) {
        let mut last = std::mem::take(&mut self.last);
        last.keep_shared(name);
        let (mut node, mut start) = match last.nodes.last() {
            Some(&(node, end)) => (node, end + 1),
            None => (NodeId::ROOT, 0),
        };
        while start <= name.len() {
            let end = name[start..].find('.').map_or(name.len(), |at| start + at);
            node = self.child_or_new(node, &name[start..end]);
            last.nodes.push((node, end));
            start = end + 1;
        }
        last.name.clear();
        last.name.push_str(name);
        self.last = last;
        let previous = self.series(node);
        self.nodes[node.index()].series = series;
        (node, previous)
    }

    fn child_or_new(&mut self, parent: NodeId, text: &str) -> NodeId {
        let component = self.components.intern(text);
        if let Some(child) = self.child_of(parent, component) {
            return child;
        }
        let child = self.new_node(Node {
            parent,
            component,
            series: NONE,
            children: NONE,
        });
        let Self {
            nodes,
            by_component,
            ..
        } = self;
        by_component.insert_unique(hash_of(parent, component), child, |&node| {
            let node = &nodes[node.index()];
            hash_of(node.parent, node.component)
        });
        self.add_to_list(parent, child);
        child
    }

    fn new_node(&mut self, node: Node) -> NodeId {
        if let Some(free) = self.free_nodes.pop() {
            self.nodes[free.index()] = node;
            return free;
        }
        self.nodes.push(node);
        NodeId((self.nodes.len() - 1) as u32)
    }

    fn add_to_list(&mut self, parent: NodeId, child: NodeId) {
        let mut list = self.nodes[parent.index()].children;
        if list == NONE {
            list = self.free_lists.pop().unwrap_or_else(|| {
                self.lists.push(Children::default());
                (self.lists.len() - 1) as u32
            });
            self.nodes[parent.index()].children = list;
        }
        let (nodes, components) = (&self.nodes, &self.components);
        self.lists[list as usize]
            .insert(child, |node| components.text(nodes[node.index()].component));
    }

    /// The node of a whole name, be it leaf or branch.
    pub(super) fn node(&self, name: &str) -> Option<NodeId> {
        name.split('.').try_fold(NodeId::ROOT, |node, text| {
            self.child_of(node, self.components.find(text)?)
        })
    }

    /// The child with this component.
    pub(super) fn child_of(&self, parent: NodeId, component: Component) -> Option<NodeId> {
        let same = |&node: &NodeId| {
            let node = &self.nodes[node.index()];
            node.parent == parent && node.component == component
        };
        self.by_component
            .find(hash_of(parent, component), same)
            .copied()
    }

    /// The component with this text, when any name has it.
    pub(super) fn component(&self, text: &str) -> Option<Component> {
        self.components.find(text)
    }

    /// The text of a node's component.
    #[inline]
    pub(super) fn text(&self, node: NodeId) -> &str {
        self.components.text(self.nodes[node.index()].component)
    }

    /// The series whose name ends at a node.
    pub(super) fn series(&self, node: NodeId) -> Option<u32> {
        let series = self.nodes[node.index()].series;
        (series != NONE).then_some(series)
    }

    /// True when names go on below a node.
    pub(super) fn is_branch(&self, node: NodeId) -> bool {
        self.nodes[node.index()].children != NONE
    }

    /// The children whose components start with `prefix`, almost in the order of their texts.
    pub(super) fn children<'t>(
        &'t self,
        node: NodeId,
        prefix: &'t str,
    ) -> impl Iterator<Item = NodeId> + use<'t> {
        let list = self.nodes[node.index()].children;
        let list = (list != NONE).then(|| &self.lists[list as usize]);
        let text = |node| self.text(node);
        let (sorted, rest) = list.map_or((&[][..], &[][..]), |list| list.starting(prefix, text));
        let rest = rest.iter().copied();
        let rest = rest.filter(move |&node| self.text(node).starts_with(prefix));
        sorted.iter().copied().chain(rest)
    }

    /// Series below a node, its own left out; at most `limit`.
    pub(super) fn series_below(&self, node: NodeId, limit: usize) -> Vec<u32> {
        let mut found = Vec::new();
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            // Below each child, or at it, is a series: more children than this are never needed.
            let room = limit - found.len();
            for child in self.children(node, "").take(room) {
                found.extend(self.series(child));
                if self.is_branch(child) {
                    stack.push(child);
                }
            }
            if found.len() >= limit {
                break;
            }
        }
        found
    }

    /// The full name of a node.
    pub(super) fn name(&self, node: NodeId) -> String {
        let mut path = Vec::new();
        let mut above = node;
        while above != NodeId::ROOT {
            path.push(above);
            above = self.nodes[above.index()].parent;
        }
        let mut name = String::with_capacity(64);
        for (position, &node) in path.iter().rev().enumerate() {
            if position > 0 {
                name.push('.');
            }
            name.push_str(self.text(node));
        }
        name
    }

    /// Takes series away from their nodes, and the nodes that are left without any.
    ///
    /// One walk over each parent's list, however many of its children go.
    pub(super) fn remove(&mut self, leaves: impl IntoIterator<Item = NodeId>) {
        self.last = LastPath::default();
        let mut bare = Vec::new();
        for leaf in leaves {
            self.nodes[leaf.index()].series = NONE;
            if !self.is_branch(leaf) {
                bare.push(leaf);
            }
        }
        while !bare.is_empty() {
            bare = self.remove_bare(bare);
        }
    }

    /// Removes nodes without series and children; answers the parents that became such.
    fn remove_bare(&mut self, bare: Vec<NodeId>) -> Vec<NodeId> {
        let mut parents = Vec::new();
        for &node in &bare {
            let Node {
                parent, component, ..
            } = self.nodes[node.index()];
            let hash = hash_of(parent, component);
            if let Ok(entry) = self.by_component.find_entry(hash, |&other| other == node) {
                entry.remove();
            }
            // A freed node is its own parent: that is how the lists know what to drop.
            self.nodes[node.index()].parent = node;
            parents.push(parent);
        }
        parents.sort_unstable();
        parents.dedup();
        parents.retain(|&parent| self.drop_freed_children(parent));
        self.free_nodes.extend(bare);
        parents
    }

    /// Cleans a parent's list; true when the parent is bare now.
    fn drop_freed_children(&mut self, parent: NodeId) -> bool {
        let list = self.nodes[parent.index()].children;
        let nodes = &self.nodes;
        let children = &mut self.lists[list as usize];
        children.retain(|node| nodes[node.index()].parent == parent);
        if !children.is_empty() {
            return false;
        }
        *children = Children::default();
        self.free_lists.push(list);
        let parent_node = &mut self.nodes[parent.index()];
        parent_node.children = NONE;
        parent != NodeId::ROOT && parent_node.series == NONE
    }
}

impl LastPath {
    /// Forgets the nodes that are not on the way to `name`.
    fn keep_shared(&mut self, name: &str) {
        let pairs = self.name.bytes().zip(name.bytes());
        let shared = pairs.take_while(|(old, new)| old == new).count();
        let ends = |end: usize| end == name.len() || name.as_bytes().get(end) == Some(&b'.');
        while let Some(&(_, end)) = self.nodes.last() {
            if end <= shared && ends(end) {
                break;
            }
            self.nodes.pop();
        }
    }
}

/// Murmur's finaliser: parent and component are small numbers, and the table wants all 64 bits.
fn hash_of(parent: NodeId, component: Component) -> u64 {
    let mut hash = u64::from(parent.0) << 32 | u64::from(component.number());
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_their_nodes_and_back() {
        let mut tree = Tree::new();
        let names = ["a.b.c", "a.b", "a.b.d", "x", "a.bc.d", "a.b.c.d"];
        for (series, name) in names.iter().enumerate() {
            tree.insert(name, series as u32);
        }
        for (series, name) in names.iter().enumerate() {
            let node = tree.node(name).unwrap();
            assert_eq!(tree.series(node), Some(series as u32));
            assert_eq!(tree.name(node), *name);
        }
        let branch = tree.node("a").unwrap();
        assert_eq!(tree.series(branch), None);
        assert!(tree.is_branch(branch));
        assert!(tree.node("a.c").is_none());
    }

    #[test]
    fn removal_takes_bare_branches_along_and_nothing_else() {
        let mut tree = Tree::new();
        let (kept, _) = tree.insert("a.b", 0);
        let (gone, _) = tree.insert("a.b.c.d", 1);
        let (also, _) = tree.insert("q.r.s", 2);
        tree.remove([gone, also]);
        assert!(!tree.is_branch(kept));
        assert!(tree.node("a.b.c").is_none());
        assert!(tree.node("q").is_none());
        assert_eq!(tree.series(kept), Some(0));
        let (again, previous) = tree.insert("q.r.t", 3);
        assert_eq!(previous, None);
        assert_eq!(tree.insert("q.r.t", 4), (again, Some(3)));
        assert_eq!(tree.name(again), "q.r.t");
        let children: Vec<_> = tree.children(NodeId::ROOT, "").collect();
        assert_eq!(children.len(), 2);
    }

    #[test]
    fn children_are_chosen_by_prefix() {
        let mut tree = Tree::new();
        for number in (0..500).rev() {
            tree.insert(&format!("host{number:03}"), number);
        }
        let names = |prefix| -> Vec<&str> {
            let mut names: Vec<_> = tree
                .children(NodeId::ROOT, prefix)
                .map(|n| tree.text(n))
                .collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names("host49").len(), 10);
        assert_eq!(names("host499"), ["host499"]);
        assert_eq!(names("").len(), 500);
        assert_eq!(names("i").len(), 0);
    }
}
