# --- The worker: copies of a task, stepped for a parent process -------------------------------------------

MAGIC = b"commbrdg"
VERSION = 1
RUNNING, TERMINATED, TRUNCATED = 0, 1, 2
STEP, RESET = 0, 1


def guard(control: socket.socket) -> None:
    """Forks a process that ends this one, and whatever it has started, when the parent is gone.

    It is apart so that it works whatever the environment does: hold Python's lock, block signals, hang.
    """
    alive, keep = os.pipe()
    group = os.getpgid(0)
    if os.fork():
        os.close(alive)
        return
    os.close(keep)
    os.setpgid(0, 0)
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    ends = select.poll()
    ends.register(control, 0)  # Only its end is told.
    ends.register(alive, 0)
    ends.poll()
    ends.unregister(control)
    ends.poll(2000)  # Time to close down by itself.
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os._exit(0)


def spec_of(task) -> dict:
    """What the parent must know of a task."""
    discrete = hasattr(task, "actions")
    if discrete == hasattr(task, "action_dim"):
        raise Refusal("a task has either `actions`, how many there are, or `action_dim`, how many numbers one has")
    return {
        "agents": int(task.agents),
        "obs_dim": int(task.obs_dim),
        "discrete": discrete,
        "actions": int(task.actions if discrete else task.action_dim),
        "masked": hasattr(task, "available"),
        "metrics": [str(name) for name in getattr(task, "metrics", ())],
        "agent_names": [str(name) for name in getattr(task, "agent_names", ())],
        "action_names": [str(name) for name in getattr(task, "action_names", ())],
        "notes": [str(note) for note in getattr(task, "notes", ())],
    }


class Memory:
    """The memory shared with the parent: a header, then arrays at multiples of 64 bytes.

    The header is 64 bytes, little-endian: magic, version, bytes in all, then C copies, N agents, O numbers of
    observation, A actions (or numbers of one), M figures, and whether actions are discrete and masked.
    The parent lays it out (`layout.rs`); a difference between the two ends here.
    """

    HEADER = struct.Struct("<8sIQIIIIIBB")

    def __init__(self, path: str, spec: dict):
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        magic, version, size, *sizes, discrete, masked = self.HEADER.unpack_from(self.map)
        expected = [spec["agents"], spec["obs_dim"], spec["actions"], len(spec["metrics"])]
        if (magic, version) != (MAGIC, VERSION) or size != len(self.map) or sizes[1:] != expected:
            raise Refusal(f"the shared memory is of another version or task: {version}, {size} bytes, {sizes}")
        copies, agents, obs, actions, metrics = sizes
        at = 64

        def array(kind, *shape):
            nonlocal at
            made = np.ndarray(shape, kind, self.map, at)
            at += -(-made.nbytes // 64) * 64
            return made

        self.obs = array(np.float32, copies, agents, obs)
        self.last_obs = array(np.float32, copies, agents, obs)
        self.actions = array(np.int64, copies, agents) if discrete else array(np.float32, copies, agents, actions)
        self.rewards = array(np.float32, copies, agents)
        self.figures = array(np.float32, copies, metrics)
        self.seeds = array(np.int64, copies)
        self.available = array(np.bool_, copies, agents, actions if masked else 0)
        self.active = array(np.bool_, copies, agents)
        self.last_active = array(np.bool_, copies, agents)
        self.commands = array(np.uint8, copies)
        self.status = array(np.uint8, copies)
        if at != size:
            raise Refusal(f"the shared memory has {size} bytes, but its arrays take {at}")


class Worker:
    """Answers the parent: `open`, `go` and `draw`, a line each."""

    def __init__(self, make_task, control: socket.socket):
        self.make_task = make_task
        self.lines = control.makefile("rb")
        self.control = control
        self.tasks = [make_task()]
        self.spec = spec_of(self.tasks[0])
        self.shape = (self.spec["agents"], self.spec["obs_dim"])
        self.has_active = hasattr(self.tasks[0], "active")
        self.memory, self.limit, self.doing = None, 0, "its beginning"
        self.steps: list[int] = []
        self.pictures: dict = {}

    def serve(self) -> None:
        self.answer(self.spec)
        for line in self.lines:
            verb, *words = line.decode().split(" ")
            if verb == "go":
                self.go(int(words[0]), int(words[1]))
                self.control.sendall(b"done\n")
            elif verb == "open":
                self.open(int(words[0]), int(words[1]), " ".join(words[2:]).rstrip("\n"))
                self.answer(None)
            elif verb == "draw":
                self.answer(self.draw(int(words[0])))
        for task in self.tasks:
            if hasattr(task, "close"):
                task.close()

    def answer(self, what) -> None:
        self.control.sendall(json.dumps({"ok": what}).encode() + b"\n")

    def open(self, copies: int, limit: int, path: str) -> None:
        self.doing = "making its copies"
        self.memory, self.limit = Memory(path, self.spec), limit
        while len(self.tasks) < copies:
            task = self.make_task()
            if spec_of(task) != self.spec:
                raise Refusal(f"its copies differ: {spec_of(task)} after {self.spec}")
            self.tasks.append(task)
        self.steps, self.pictures = [0] * copies, {}

    def go(self, first: int, last: int) -> None:
        memory, commands = self.memory, self.memory.commands[first:last].tolist()
        for copy, command in zip(range(first, last), commands):
            if command == RESET:
                self.reset(copy)
                continue
            task = self.tasks[copy]
            self.doing = ("step", copy)
            self.steps[copy] += 1
            obs, rewards, terminated, truncated = task.step(memory.actions[copy])
            memory.rewards[copy] = rewards
            if terminated or truncated or self.steps[copy] == self.limit:
                self.end(copy, obs, TERMINATED if terminated else TRUNCATED)
            else:
                self.write(copy, obs, memory.obs, memory.active)
                memory.status[copy] = RUNNING

    def end(self, copy: int, obs, status: int) -> None:
        """Keeps how an episode ended, and begins the next one: the parent will ask for it."""
        memory, task = self.memory, self.tasks[copy]
        self.write(copy, obs, memory.last_obs, memory.last_active)
        memory.status[copy] = status
        if self.spec["metrics"]:
            memory.figures[copy] = task.figures()
        if copy in self.pictures:
            self.pictures[copy] = task.draw()
        self.reset(copy)

    def reset(self, copy: int) -> None:
        self.doing = ("reset", copy)
        obs = self.tasks[copy].reset(int(self.memory.seeds[copy]))
        self.steps[copy] = 0
        self.write(copy, obs, self.memory.obs, self.memory.active)

    def write(self, copy: int, obs, to_obs, to_active) -> None:
        obs = np.asarray(obs, np.float32)
        if obs.shape != self.shape:
            raise Refusal(f"the observation has shape {obs.shape}, but must have (agents, obs_dim) = {self.shape}")
        to_obs[copy] = obs
        task = self.tasks[copy]
        to_active[copy] = task.active() if self.has_active else True
        if self.spec["masked"]:
            self.memory.available[copy] = task.available()

    def draw(self, copy: int):
        """The present picture, or the last one of an episode that has just ended; None where there is none."""
        task = self.tasks[copy]
        if not hasattr(task, "draw"):
            return None
        ended = self.pictures.get(copy)
        self.pictures[copy] = None
        return ended or task.draw()

    def where(self) -> str:
        if isinstance(self.doing, str):
            return self.doing
        verb, copy = self.doing
        return f"a reset of its copy {copy}" if verb == "reset" else f"step {self.steps[copy]} of its copy {copy}"


def work(name: str, options: dict) -> None:
    """Serves the parent on descriptor 0 until it is gone."""
    control = socket.socket(fileno=os.dup(0))
    guard(control)
    faulthandler.register(signal.SIGUSR1, chain=False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    worker = None
    try:
        worker = Worker(lambda: make(name, options), control)
        worker.serve()
    except (BrokenPipeError, ConnectionResetError):
        pass
    except BaseException as error:
        where = worker.where() if worker else "its beginning"
        told = str(error) if isinstance(error, Refusal) else traceback.format_exc()
        control.sendall(json.dumps({"error": told.strip(), "where": where}).encode() + b"\n")


def main(arguments: list[str]) -> int:
    verb, name, options = arguments[:3]
    if verb == "check":
        return check(name, json.loads(options), int(arguments[3]))
    work(name, json.loads(options))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
