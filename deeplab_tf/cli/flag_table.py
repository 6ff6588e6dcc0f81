# Licensed under the Apache License, Version 2.0.
"""The flags of research/deeplab as a table: name, type, default, meaning here."""

import dataclasses
from typing import Any

# How a flag that differs from its default is received.
USED = "used"
GONE = "gone"
NOT_BUILT = "not built yet"


@dataclasses.dataclass(frozen=True)
class Flag:
    """One flag.

    Attributes:
        name: without dashes.
        kind: "integer", "float", "string", "bool", "list" (comma-separated),
            "integers" and "floats" (repeated), or a tuple of choices.
        default: its value when it is not given.
        help: one line.
        status: USED, GONE or NOT_BUILT.
        group: which scripts define it: "model", "train", "eval", "predict", "vis",
            "resize" or "dataset".
    """

    name: str
    kind: str | tuple[str, ...]
    default: Any
    help: str
    group: str
    status: str = USED


# fmt: off
TABLE = (
    # Preparing images.
    Flag("min_resize_value", "integer", None, "The shorter side is resized to it.", "resize"),
    Flag("max_resize_value", "integer", None, "The longer side may not pass it.", "resize"),
    Flag("resize_factor", "integer", None, "Resized sides are a multiple of it plus one.", "resize"),
    Flag("keep_aspect_ratio", "bool", True, "Keep the ratio of the sides in resizing.", "resize"),
    # The network.
    Flag("model_variant", "string", "mobilenet_v2", "Backbone.", "model"),
    Flag("depth_multiplier", "float", 1.0, "Factor on the channels of MobileNet.", "model"),
    Flag("divisible_by", "integer", None, "MobileNet's channels are a multiple of it.", "model"),
    Flag("output_stride", "integer", 16, "Input size over size of the features.", "model"),
    Flag("multi_grid", "integers", None, "Rates of the last block of ResNet and Xception.", "model"),
    Flag("atrous_rates", "integers", None, "Rates of the 3x3 branches of ASPP, repeated.", "model"),
    Flag("add_image_level_feature", "bool", True, "Image pooling is a branch of ASPP.", "model"),
    Flag("image_pooling_crop_size", "list", None, "Window of image pooling in image pixels.", "model"),
    Flag("image_pooling_stride", "list", "1,1", "Stride of that window on the features.", "model"),
    Flag("aspp_with_batch_norm", "bool", True, "Build ASPP; else the features are classified.", "model"),
    Flag("aspp_with_separable_conv", "bool", True, "ASPP's 3x3 branches are separable.", "model"),
    Flag("aspp_with_concat_projection", "bool", True, "Project ASPP's concatenation.", "model"),
    Flag("aspp_with_squeeze_and_excitation", "bool", False, "Image pooling gates ASPP's result.", "model"),
    Flag("aspp_convs_filters", "integer", 256, "Channels of ASPP.", "model"),
    Flag("image_se_uses_qsigmoid", "bool", False, "That gate is a piecewise linear sigmoid.", "model"),
    Flag("decoder_output_stride", "list", None, "Strides of the decoder: DeepLabv3+.", "model"),
    Flag("decoder_use_separable_conv", "bool", True, "The decoder's convolutions are separable.", "model"),
    Flag("decoder_use_sum_merge", "bool", False, "The decoder adds instead of concatenating.", "model"),
    Flag("decoder_filters", "integer", 256, "Channels of the decoder.", "model"),
    Flag("decoder_output_is_logits", "bool", False, "The decoder's output is the logits.", "model"),
    Flag("use_bounded_activation", "bool", False, "ReLU6 in the head, and an Xception within -6..6.", "model"),
    Flag("batch_norm_decay", "float", 0.9997, "Momentum of all moving statistics, if given.", "model"),
    Flag("logits_kernel_size", "integer", 1, "Kernel of a classifier with atrous rates.", "model"),
    Flag("image_pyramid", "floats", None, "Input scales inside the network, repeated.", "model"),
    Flag("merge_method", ("max", "avg"), "max", "How image_pyramid's scales are merged.", "model"),
    Flag("prediction_with_upsampled_logits", "bool", True, "Upsample logits, not labels.", "model"),
    Flag("dense_prediction_cell_json", "string", "", "A searched cell in place of ASPP: a file or a name.", "model"),
    Flag("nas_stem_output_num_conv_filters", "integer", 20, "Channels of a NAS network at stride 4.", "model"),
    Flag("nas_use_classification_head", "bool", False, "Build its head for whole images, too.", "model"),
    Flag("nas_remove_os32_stride", "bool", False, "Its stride 32 stays at 16.", "model"),
    Flag("quantize_delay_step", "integer", -1, "Quantisation-aware training.", "model", NOT_BUILT),
    # train.py
    Flag("train_logdir", "string", None, "Folder of the run: checkpoints and logs.", "train"),
    Flag("tf_initial_checkpoint", "string", None, "Checkpoint to start from.", "train"),
    Flag("initialize_last_layer", "bool", True, "Load the last layers from it, too.", "train"),
    Flag("last_layers_contain_logits_only", "bool", False, "Last layers are the logits alone.", "train"),
    Flag("training_number_of_steps", "integer", 30000, "Number of updates.", "train"),
    Flag("train_batch_size", "integer", 8, "Images of one update, over all devices.", "train"),
    Flag("train_crop_size", "list", "513,513", "Height and width of a crop.", "train"),
    Flag("train_split", "string", "train", "Split to train on.", "train"),
    Flag("optimizer", ("momentum", "adam"), "momentum", "Rule of the update.", "train"),
    Flag("momentum", "float", 0.9, "Momentum.", "train"),
    Flag("adam_learning_rate", "float", 0.001, "Learning rate of Adam.", "train"),
    Flag("adam_epsilon", "float", 1e-8, "Epsilon of Adam.", "train"),
    Flag("learning_policy", ("poly", "step", "cosine"), "poly", "Shape of the learning rate.", "train"),
    Flag("base_learning_rate", "float", 0.0001, "Learning rate at the start.", "train"),
    Flag("learning_power", "float", 0.9, "Power of poly.", "train"),
    Flag("end_learning_rate", "float", 0.0, "Learning rate at the end of poly.", "train"),
    Flag("decay_steps", "float", 0.0, "Length of poly and cosine; 0 is the training's.", "train"),
    Flag("learning_rate_decay_factor", "float", 0.1, "Factor of step.", "train"),
    Flag("learning_rate_decay_step", "integer", 2000, "Steps between two falls of step.", "train"),
    Flag("slow_start_step", "integer", 0, "First steps at a rate of their own.", "train"),
    Flag("slow_start_learning_rate", "float", 1e-4, "Learning rate of these.", "train"),
    Flag("weight_decay", "float", 0.00004, "L2 on convolution kernels.", "train"),
    Flag("last_layer_gradient_multiplier", "float", 1.0, "Factor on the last layers' gradients.", "train"),
    Flag("upsample_logits", "bool", True, "Compare at label size, not at logits size.", "train"),
    Flag("hard_example_mining_step", "integer", 0, "Steps until only hard pixels count.", "train"),
    Flag("top_k_percent_pixels", "float", 1.0, "Fraction of pixels that are hard.", "train"),
    Flag("label_weights", "floats", None, "Weight of each class in the loss, repeated.", "model"),
    Flag("fine_tune_batch_norm", "bool", True, "Train batch norm (needs large batches).", "train"),
    Flag("min_scale_factor", "float", 0.5, "Smallest random scale.", "train"),
    Flag("max_scale_factor", "float", 2.0, "Largest random scale.", "train"),
    Flag("scale_factor_step_size", "float", 0.25, "Distance of the random scales.", "train"),
    Flag("log_steps", "integer", 10, "Steps between two progress lines.", "train"),
    Flag("save_interval_secs", "integer", 1200, "Seconds between two checkpoints.", "train"),
    Flag("save_summaries_images", "bool", False, "Image panels are written at each validation.", "train", GONE),
    Flag("save_summaries_secs", "integer", 600, "TensorBoard is written at log_steps.", "train", GONE),
    Flag("profile_logdir", "string", None, "Profile.", "train", GONE),
    Flag("drop_path_keep_prob", "float", 1.0, "Drop path of the last NAS cell; 1 is none.", "train"),
    Flag("num_clones", "integer", 1, "Devices to train on.", "train"),
    Flag("clone_on_cpu", "bool", False, "Train on the CPU.", "train"),
    Flag("num_replicas", "integer", 1, "Workers are set by TF_CONFIG.", "train", GONE),
    Flag("startup_delay_steps", "integer", 15, "Workers start together.", "train", GONE),
    Flag("num_ps_tasks", "integer", 0, "There are no parameter servers.", "train", GONE),
    Flag("task", "integer", 0, "Workers are set by TF_CONFIG.", "train", GONE),
    # eval.py and vis.py
    Flag("checkpoint_dir", "string", None, "Checkpoint: prefix, folder or archive.", "predict"),
    Flag("eval_scales", "floats", [1.0], "Scales whose probabilities are averaged.", "predict"),
    Flag("add_flipped_images", "bool", False, "Average mirrored images in.", "flip"),
    Flag("eval_interval_secs", "integer", 300, "With --watch: seconds between two looks.", "predict"),
    Flag("eval_logdir", "string", None, "Folder of the report.", "eval"),
    Flag("eval_batch_size", "integer", 1, "Images of one step.", "eval"),
    Flag("eval_crop_size", "list", "513,513", "Smaller images are padded to it.", "eval"),
    Flag("eval_split", "string", "val", "Split to evaluate.", "eval"),
    Flag("max_number_of_evaluations", "integer", 0, "0: once, or for ever with --watch.", "eval"),
    Flag("vis_logdir", "string", None, "Folder of the pictures.", "vis"),
    Flag("vis_batch_size", "integer", 1, "Images of one step.", "vis"),
    Flag("vis_crop_size", "list", "513,513", "Smaller images are padded to it.", "vis"),
    Flag("vis_split", "string", "val", "Split to visualise.", "vis"),
    Flag("colormap_type", ("pascal", "cityscapes", "ade20k"), "pascal", "Colours.", "vis"),
    Flag("also_save_raw_predictions", "bool", False, "Also write the class ids.", "vis"),
    Flag("max_number_of_iterations", "integer", 0, "0: once, or for ever with --watch.", "vis"),
    # export_model.py
    Flag("checkpoint_path", "string", None, "Checkpoint: prefix, folder or archive.", "export"),
    Flag("export_path", "string", None, "A folder, or a file that ends in .pb.", "export"),
    Flag("num_classes", "integer", 21, "Number of classes.", "export"),
    Flag("crop_size", "integers", [513, 513], "Height and width of the crop, repeated.", "export"),
    Flag("inference_scales", "floats", [1.0], "Scales whose probabilities are averaged.", "export"),
    Flag("save_inference_graph", "bool", False, "Also write the graph as text.", "export", GONE),
    # Everywhere.
    Flag("dataset", "string", "pascal_voc_seg", "Name of the data set.", "dataset"),
    Flag("dataset_dir", "string", None, "Folder of the records.", "dataset"),
    Flag("master", "string", "", "There is no TensorFlow master.", "dataset", GONE),
)
# fmt: on
