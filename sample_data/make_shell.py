"""Write shell/train.jsonl and shell/heldout.jsonl: plain questions, each answered by one shell command."""

import json
import random
import re
from pathlib import Path

SEED = 7
ROWS_PER_PHRASING = 3
HERE = Path(__file__).resolve().parent
IN_FORM = re.compile(r"^\$ \S.*$")

# "slot: values for training | values for the held-out set"; no value is on both sides.
SLOTS = """
dir: /var/log /etc/nginx /opt/tools /usr/share/doc /srv/www ~/Downloads ~/Documents ~/Pictures ~/music
  ~/projects/shop ~/work/reports /home/maria /tmp/export ~/src/parser | /var/spool ~/Videos /srv/uploads ~/recipes
place: ~/Desktop ~/backup ~/papers ~/old ~/work/drafts ~/projects/blog ~/school ~/shared /mnt/usb ~/inbox
  ~/taxes /tmp/export | ~/thesis ~/archive/june /mnt/stick ~/club
file: notes.txt todo.md app.log server.log users.csv orders.csv config.yaml settings.ini report.txt chapter1.md
  access.log prices.csv diary.txt setup.cfg results.json | journal.md sales.csv worker.log lyrics.txt
list: names.txt emails.txt words.txt cities.csv tags.txt hosts.txt ids.csv guests.txt colors.txt domains.txt
  keywords.txt players.csv | birds.txt phones.csv streets.txt topics.txt
old: old.txt draft.md before.txt first.txt monday.txt v1.txt original.md left.txt | january.txt alpha.md yesterday.txt
new: new.txt final.md after.txt second.txt friday.txt v2.txt edited.md right.txt | february.txt beta.md today.txt
log: /var/log/syslog /var/log/auth.log /var/log/nginx/error.log /var/log/nginx/access.log /var/log/kern.log debug.log
  build.log mail.log cron.log ~/logs/sync.log train.log web.log | /var/log/dpkg.log ~/logs/bot.log payments.log jobs.log
script: deploy.sh backup.sh run.py start.sh install.sh clean.py test.sh update.sh report.py setup.sh watch.sh convert.py
  | rotate.sh fetch.py launch.sh resize.py
folder: photos docs website src notes invoices scripts music assets tests letters models | drawings maps slides plugins
archive: site.tar.gz data.tar.gz photos.tar.gz project.tar.gz logs.tar.gz release.tar.gz home.tar.gz old.tar.gz
  docs.tar.gz backup.tar.gz images.tar.gz code.tar.gz | fonts.tar.gz weekly.tar.gz themes.tar.gz class.tar.gz
newdir: ~/projects/demo ~/notes/2024 src/utils tests/data ~/backup/monday build/output ~/photos/summer docs/images
  /tmp/work ~/games/saves data/raw ~/music/live | ~/letters/june src/models /tmp/scratch assets/icons
mount: / /home /var /tmp /boot /usr /opt /srv /mnt/data /mnt/backup /media/usb | /mnt/vault /media/card /data /mnt/nas
url: https://example.com/data.zip https://example.com/logo.png https://example.org/book.pdf https://example.org/list.csv
  https://example.net/song.mp3 https://example.net/app.deb https://files.example.com/map.json
  https://files.example.com/video.mp4 https://docs.example.org/manual.pdf https://example.com/index.html
  | https://example.com/poster.jpg https://example.org/slides.pdf https://files.example.net/birds.zip
host: example.com example.org www.example.net router.local 192.168.1.1 192.168.0.10 10.0.0.5 localhost db.example.com
  1.1.1.1 printer.local mail.example.org | nas.local 192.168.1.42 api.example.net 8.8.8.8
var: HOME PATH SHELL USER EDITOR LANG PWD TERM DISPLAY JAVA_HOME VISUAL PAGER LC_ALL | PYTHONPATH TZ GOPATH BROWSER
user: alice bob maria root www-data postgres tom chen nadia guest mysql deploy | ingrid omar paul lena
proc: firefox chrome python3 node nginx vlc gimp java slack apache2 okular steam | spotify redis-server ruby thunderbird
port: 80 443 3000 5000 8080 5432 3306 6379 22 8888 9000 4200 | 8000 5173 25 9090
ext: py txt jpg pdf csv md log json mp3 png html sh | yaml mp4 c svg
word: error timeout password failed warning invoice refused total debug python banana urgent | retry admin missing lemon
n: 3 4 5 6 8 10 12 15 20 50 | 7 9 14 30
link: current latest logs shared site media stuff work files today web | live mirror inbox shortcut
"""

# One task: "$ command", its phrasings, and last, after "* ", the phrasing that training never shows.
TASKS = """
$ du -sh {dir}
how big is {dir}
How do I see the size of the folder {dir}?
total size of {dir} please
how much space does {dir} take up
Show me how large {dir} is.
what's the size of {dir}?
* tell me how big the {dir} folder is
$ wc -l {file}
how many lines are in {file}
Count the lines in {file}.
How do I count the lines of {file}?
number of lines in {file}
tell me how many lines {file} has
how long is {file} in lines?
* I need the number of lines {file} contains
$ ls -t {dir} | head -n {n}
show the {n} newest files in {dir}
What are the {n} most recent files in {dir}?
How do I see the {n} newest files in {dir}?
{n} most recently changed files in {dir}
give me the {n} newest things in {dir}
which {n} files in {dir} changed last
* I'd like to see the {n} latest files from {dir}
$ find {dir} -name '*.{ext}'
find all .{ext} files in {dir}
How do I find every .{ext} file under {dir}?
where are the .{ext} files in {dir}
search {dir} for files ending in .{ext}
Look for .{ext} files inside {dir}.
I need all files with the extension .{ext} in {dir}
* which files under {dir} end with .{ext}?
$ find {dir} -type f | wc -l
how many files are under {dir}
Count the files in {dir}, subfolders too.
How do I count all the files under {dir}?
number of files in {dir} and its subfolders
count every file below {dir}
tell me how many files {dir} holds in total
* altogether, how many files are there in {dir}?
$ grep -n {word} {file}
search for {word} in {file}
How do I find the word {word} in {file}?
where does {word} appear in {file}
show the lines of {file} that contain {word}
Which lines in {file} mention {word}?
find {word} inside {file} please
* does {file} say {word} anywhere? show me the lines
$ tail -n {n} {file}
show the last {n} lines of {file}
How do I see the last {n} lines of {file}?
print the final {n} lines of {file}
what are the last {n} lines in {file}
I only want to see the last {n} lines of {file}
Display the bottom {n} lines of {file}.
* give me the {n} lines at the end of {file}
$ tail -f {log}
follow {log}
How do I follow {log} as it grows?
watch {log} live
keep showing new lines of {log}
Show new entries in {log} as they arrive.
I want to watch {log} in real time
* keep an eye on {log} as new lines come in
$ cp {file} {place}
copy {file} to {place}
How do I copy {file} into {place}?
put a copy of {file} in {place}
I want {file} copied to {place}
Copy the file {file} to the folder {place}.
can you copy {file} over to {place}
* I need a second copy of {file} inside {place}
$ mv {file} {place}
move {file} to {place}
How do I move {file} into {place}?
Move the file {file} to the folder {place}.
please move {file} over to {place}
I want {file} moved to {place}
{file} should be in {place} instead, move it
* can you move {file} so that it sits in {place}?
$ mkdir -p {newdir}
make a folder {newdir}
How do I create the folder {newdir}?
create a new directory {newdir}
Make a directory called {newdir}.
I need a new folder {newdir}
new folder at {newdir} please
* set up an empty directory named {newdir}
$ ln -s {place} {link}
make a symlink {link} that points to {place}
How do I create a symlink called {link} to {place}?
create a symbolic link {link} to {place}
I want a symlink named {link} for {place}
let {link} be a symbolic link to {place}
Add a soft link {link} pointing at {place}.
* set up {link} as a symlink that leads to {place}
$ chmod +x {script}
make {script} executable
How do I make {script} executable?
let me run {script} as a program
give {script} permission to run
Allow {script} to be executed.
{script} says permission denied when I run it, fix that
* I can't run {script} because it isn't executable
$ df -h {mount}
how much free space is left on {mount}
How do I check the free disk space on {mount}?
is the disk at {mount} full?
show free space for {mount}
Check how much room is left on {mount}.
disk space left on {mount} please
* am I running out of disk space on {mount}?
$ sudo lsof -i :{port}
what is using port {port}
Which process listens on port {port}?
How do I see who uses port {port}?
find out what runs on port {port}
port {port} is already in use, by what?
Show me the program on port {port}.
* something is blocking port {port}, what is it?
$ ps -u {user}
which processes does {user} run
Show all processes of the user {user}.
How do I list the processes owned by {user}?
what is {user} running right now
processes for user {user} please
see what programs {user} has running
* what are the running processes that belong to {user}?
$ pkill {proc}
kill {proc}
How do I kill the process {proc}?
stop every {proc} process
{proc} is frozen, kill it
Kill all processes named {proc}.
end the program {proc}
* {proc} hangs, how do I shut it down?
$ tar -xzf {archive}
unpack {archive}
How do I extract {archive}?
extract {archive} here
Unpack the archive {archive}.
open up {archive} and get the files out
I downloaded {archive}, how do I unpack it?
* get everything out of {archive}
$ tar -czf {archive} {folder}
pack the folder {folder} into {archive}
How do I compress {folder} into {archive}?
make {archive} from the folder {folder}
create an archive {archive} of {folder}
Put {folder} in a tarball called {archive}.
I want to archive {folder} as {archive}
* bundle the {folder} folder up as {archive}
$ wget {url}
download {url}
How do I download {url}?
save {url} to this folder
fetch the file {url}
Please download the file at {url}.
grab {url} for me
* I'd like to have {url} on my disk
$ ping -c {n} {host}
ping {host} {n} times
How do I ping {host} {n} times?
send {n} pings to {host}
check if {host} is up with {n} pings
Ping the host {host} with {n} packets.
is {host} reachable? try {n} pings
* try pinging {host}, {n} times is enough
$ printenv {var}
show the environment variable {var}
What is the value of {var}?
How do I print the variable {var}?
what is {var} set to
value of the {var} variable please
tell me what {var} is set to in my shell
* look up {var} in my environment
$ diff {old} {new}
compare {old} and {new}
What is the difference between {old} and {new}?
How do I compare {old} with {new}?
show what changed from {old} to {new}
how do {old} and {new} differ
diff of {old} and {new} please
* is anything different in {old} and {new}?
$ sort -u {list}
sort {list} and drop duplicates
How do I sort {list} and remove duplicate lines?
sort {list} without repeats
show {list} sorted with duplicates removed
Sort the lines of {list}, each line only once.
sorted {list}, no duplicates please
* put {list} in order and leave out repeated lines
"""

Row = tuple[str, str, str]  # phrasing, question, answer


def check(train: list[Row], heldout: list[Row]) -> None:
    """Assert the form of every answer and the honesty of the split."""
    phrasings, questions, answers = ({row[i] for row in train} for i in range(3))
    assert len(questions) == len(train), "a training question appears twice"
    assert len({row[1] for row in heldout}) == len(heldout), "a held-out question appears twice"
    assert not questions & {row[1] for row in heldout}, "a held-out question is in training"
    assert not answers & {row[2] for row in heldout}, "a held-out answer is in training"
    assert 2 * sum(row[0] not in phrasings for row in heldout) >= len(heldout), "too few new phrasings"
    assert all(IN_FORM.fullmatch(row[2]) for row in train + heldout), "an answer is out of form"


def main() -> None:
    """Fill the phrasings with slot values, check the split and write both files."""
    rng = random.Random(SEED)
    slots = re.findall(r"^(\w+): ([^|]*)\|(.*)$", SLOTS, flags=re.MULTILINE)
    values = {
        "train": {name: seen.split() for name, seen, _ in slots},
        "heldout": {name: fresh.split() for name, _, fresh in slots},
    }
    used, kept = ({v for column in side.values() for v in column} for side in values.values())
    assert not used & kept, f"values on both sides: {used & kept}"

    rows: dict[str, list[Row]] = {"train": [], "heldout": []}
    for block in re.split(r"^\$ ", TASKS, flags=re.MULTILINE)[1:]:
        command, *phrasings, unseen = block.strip().splitlines()
        rng.shuffle(phrasings)
        plan = {
            "train": [phrasing for phrasing in phrasings for _ in range(ROWS_PER_PHRASING)],
            "heldout": [phrasings[0], unseen.removeprefix("* ")],
        }
        for split, templates in plan.items():
            names = re.findall(r"{(\w+)}", command)
            columns = {name: rng.sample(values[split][name], len(values[split][name])) for name in names}
            for i, phrasing in enumerate(templates):
                fill = {name: column[i % len(column)] for name, column in columns.items()}
                rows[split].append((phrasing, phrasing.format(**fill), "$ " + command.format(**fill)))
    check(rows["train"], rows["heldout"])

    rng.shuffle(rows["train"])
    (HERE / "shell").mkdir(exist_ok=True)
    for split, split_rows in rows.items():
        with (HERE / "shell" / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as out:
            for _, question, answer in split_rows:
                turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
                out.write(json.dumps({"messages": turns}) + "\n")
        print(f"{split}: {len(split_rows)} conversations")


if __name__ == "__main__":
    main()
