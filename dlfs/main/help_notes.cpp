#include "dlfs/main/help_notes.h"

namespace dlfs {

const char* const about_more =
    R"(
  dlfs VERB --help shows what a verb can be told, dlfs --version the version.

For example:
  dlfs train lenet --data idx:/usr/share/datasets/fashion-mnist --run runs/first
  dlfs eval runs/first/model.safetensors \
      --data idx:/usr/share/datasets/fashion-mnist
  dlfs predict runs/first/model.safetensors shoe.png

It ends with 0 where all was done; 1 where --check found a difference, an audit
an error, or an image could not be read; 2 where a flag, a file or the machine
is to be mended, the loss became NaN, or --watch found a value that is not
finite; 3 for a bug of its own. After -- words are no flags. A CPU works in as
many threads as OMP_NUM_THREADS says.
)";

const char* const train_notes =
    R"(The run's folder gets config.json, log.jsonl, result.json, model.safetensors, a
learning curve, and a sheet of test images with what the model sees in them.

--weights takes a model file of train's, or a safetensors file of torchvision's,
timm's or Gluon's nets, and says which tensors fit; for another number of
classes the last layer begins anew. Images are then normalised as those weights
are used to: as the model file says, else by the mean and deviation of ImageNet.
A tenth of the usual --lr suits what has learned already.

Images of any size are stretched to the model's and normalised by the mean and
deviation of the training images. With --test-resize 256 the shorter side of a
test image becomes 256 and the model sees the middle, as is usual on ImageNet;
the model file says so to eval and predict. --augment changes training images by
chance: flip turns half of them; crop=4 takes a window after 4 black pixels were
added on each side; resized takes a part of any size instead; colour=0.4 changes
brightness, contrast, saturation and hue; erase=0.25 blanks a rectangle of a
quarter of them. Every chance is a function of seed, epoch and image: no number
of --threads changes a pixel. An image that cannot be read is left out and named
at the end.

The rate rises for --warmup epochs and then falls: along half a cosine to 0, or
to a tenth at each epoch that steps names. Optimizers and what they begin with:
  sgd      lr 0.02, weight decay 0.001     adam     lr 0.001, no decay
  adamw    lr 0.001, weight decay 0.01     lars     lr 2, weight decay 0.0001
Biases and scales of norms never decay. With --accumulate 4 the weights change
once in four batches, by the mean of their gradients.

--precision bf16 and f16 keep maps and copies of the weights in 16 bits, while
the weights themselves, sums and losses stay in f32; tf32 rounds what goes into
a GPU's products to 10 bits. f16 scales the loss so that small gradients stay
above 0; a step whose gradients overflow changes nothing and halves the scale,
and the run ends with 2 once the scale has fallen below a thousandth.

--profile lists the kernels of a step by lost time: the time measured, less the
time that their bytes and products take at least (the floor) at the rates that
a large copy and a large matrix product reach on this device. A ratio below 1
means that the tensors stayed in a cache. --watch looks at all that each kernel
writes, and --check repeats its work: both are slow, and end a run that goes
wrong, --watch with exit code 2, --check with 1. A loss that is NaN ends it with
2 in any case, but for such a step in f16, where --watch ends it too. On a CPU
--check only sees what does not repeat.

For example:
  dlfs train lenet --data idx:/usr/share/datasets/fashion-mnist --epochs 1
)";

const char* const eval_notes =
    R"(For example:
  dlfs eval runs/first/model.safetensors \
      --data idx:/usr/share/datasets/fashion-mnist
)";

const char* const predict_notes =
    R"(PNG of any kind is read (what is transparent shows black), and PGM as text or
bytes (P2, P5). For a model of gray images colour is made gray by ITU-R 601 luma
(0.299 red, 0.587 green, 0.114 blue); for a model of colour, gray becomes three
equal channels. An image of another size is stretched to the model's: averaged
over area where it shrinks, interpolated linearly where it grows; or, where the
model was trained with --test-resize, its shorter side is, and the middle taken.
Nothing is inverted: models of MNIST and Fashion-MNIST know bright things on
black.

An image that cannot be read is named; the others are still predicted, and the
exit code is 1. With --json its line is {"image", "error"}, and any other line
{"image", "width", "height", "channels", "classes": [{"class", "index",
"probability"}, ...]}.

For example:
  dlfs predict runs/first/model.safetensors shoe.png dress.pgm --top 5
)";

const char* const bench_notes =
    R"(All numbers are random, and each time is a median. First it is measured what a
large copy and a large matrix product reach on this device; bytes and flops at
these rates take floor_ms at least, and ratio is ms by floor_ms. Below 1 it
means that the tensors stayed in a cache. Each tensor that is read or written
counts once in bytes, or twice where it is both; each product of matrix work
(conv and linear, not their biases) is two flops, and all else none. For train,
the loss after 20 steps on one batch tells whether two machines did the same;
for infer, the sum of the logits. peak_bytes are what it took of the card's
memory, or the most that the process had on a CPU. card reports what a card
reaches, and all ops (or those that NAME names) in each precision that it has.
load takes the images of a store to batches on the device, cut out of them where
the size is a square and else fitted in, and says what limits.

For example:
  dlfs bench train lenet --batch 256
  dlfs bench infer small_cnn --size 64 --batch 32 --profile
  dlfs bench load my.db --size 224 --threads 8
  dlfs bench ops conv | jq -r '[.op, .half, .ms, .ratio] | @tsv'
)";

const char* const data_notes =
    R"(An audit reads and decodes every image file once, and holds the labels against
the size that it really has. Errors are what training fails or lies by: files
that are missing or broken, another size than the store's, boxes outside of
their image, one file in two splits; with any the exit code is 1. Warnings are
to be looked at: files that changed since the last audit or are there twice,
images that look like one of another split, boxes of nothing, over the border or
drawn twice. Notes are good to know. Hashes of files go into the store, as do
sizes that it did not know.

A page for a browser shows images by chance, each as it is stored beside what a
network would see of it, with their boxes: fitted into the size in the middle,
or as --augment says. It has no scripts and asks for nothing beyond its folder.

For example:
  dlfs data audit my.db
  dlfs data browse my.db --out page --class dog --augment flip,resized
  dlfs data audit my.db --json --all | jq '.findings[] | {kind, count}'
)";

const char* const describe_notes =
    R"(Activations are all that the layers give out; the arena is the memory that they
take, where one may lie where another lay before. Training keeps more of them,
and beside them the parameters, their gradients, and of each the momentum of
SGD; Adam keeps two numbers of each instead.

For example:
  dlfs describe lenet --batch 64
)";

const char* const import_notes =
    R"(What PATH is, by FORMAT:
  coco          a folder with annotations/instances_*.json and its images
                (train2017/, images/train2017/, ...), or one such JSON file
  voc           a folder with Annotations/*.xml and JPEGImages/; the splits are
                those of ImageSets/Main
  yolo          a folder with images/ and labels/, and data.yaml, obj.names or
                classes.txt for the names; an image without labels is a negative
  folders       a folder of images for each class, with or without train/, val/
                and test/ above: ImageNet's layout
  idx           a folder with MNIST's four files; --images is where their images
                are written to, as PNG files
  label-studio  its JSON export; the files of its images lie beneath --images
  coco-results  a JSON file of what a model found, [{image_id, category_id,
                bbox, score}, ...], for images and categories of a COCO import

The store is made where it is not there yet. All is imported or, where anything
is refused, nothing: the message names file and record. What the store has
already stays as it is, so importing twice changes nothing. Image files are
never copied, only named; their folders stay where they are, and links that lead
out of these are not followed. Images without objects are kept. Which images are
for training, validation and test is read off the names of files and folders
(train2017, val, ...); --split says it for all. A whole JSON file is held in
memory.

For example:
  dlfs import coco ~/datasets/coco --db my.db
  dlfs import voc VOCdevkit/VOC2012 --db my.db
  dlfs import coco --json boxes.json --images photos --split train . --db my.db
)";

const char* const export_notes =
    R"(What PATH becomes, by FORMAT; it must not be there yet:
  coco          one JSON file, with the ids, masks and further members that came
                with an import
  coco-results  a JSON file of what --model found, as COCO's evaluation reads it
  voc           a folder with Annotations/ and ImageSets/Main/
  yolo          a folder with labels/, data.yaml, and a list of images for each
                split; to train with it, put or link the images in images/SPLIT
  label-studio  a JSON file of tasks, to be imported there: with --model what
                that model found, else the labels of the store, as predictions

Images are not copied. They are named from their folder, or, where they lie in
several, from the folder that holds these. VOC and YOLO have no place for masks,
areas, crowds and ids (a crowd becomes a box like others); COCO none for the
split (--split exports one), and only Label Studio's has one for labels of whole
images: labels that are left out are counted.

For example:
  dlfs export coco labels.json --db my.db --split val
  dlfs export yolo my-yolo --db my.db
)";

}  // namespace dlfs
